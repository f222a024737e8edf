#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace qs::test {

/// A fresh folder that is removed with everything in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  TempFolder(TempFolder&&) = delete;
  TempFolder& operator=(TempFolder&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  /// Writes a file below the folder and gives its path.
  std::filesystem::path write(const std::string& name,
                              std::string_view bytes) const;  // NOLINT(modernize-use-nodiscard)

 private:
  std::filesystem::path m_path;
};

/// The whole file as bytes.
[[nodiscard]] std::string readFile(const std::filesystem::path& path);

}  // namespace qs::test
