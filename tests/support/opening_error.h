#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace qs::test {

/// What a person reads when this file or folder is opened and every tensor of it is loaded; empty where all goes well.
struct OpeningError {
  std::string message;
  std::uint64_t peakBytes = 0;  ///< of memory, while it was opened
};
/// Anything but an Error (Input) gives a message that begins with "wrong kind".
[[nodiscard]] OpeningError openingError(const std::filesystem::path& path);

}  // namespace qs::test
