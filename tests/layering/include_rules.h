#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace qs::test {

/// One include that the layout does not allow.
struct Violation {
  std::string file;  ///< relative to the project's root
  int line = 0;      ///< from 1
  std::string include;
  std::string reason;
};

/// The violations among the `#include` lines of one source. `file` is its path relative to the project's root and
/// decides which folder's rules hold.
[[nodiscard]] std::vector<Violation> findViolations(const std::string& file, std::string_view source);

/// The violations in every .h and .cpp under core/, ui/ and app/ of `root`, by path.
[[nodiscard]] std::vector<Violation> findViolationsUnder(const std::filesystem::path& root);

/// The number of sources that findViolationsUnder reads.
[[nodiscard]] std::size_t countSources(const std::filesystem::path& root);

}  // namespace qs::test
