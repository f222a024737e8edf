#pragma once

#include <filesystem>
#include <string>

namespace qs::cli {

// What a command writes beside its main output replaces what an earlier run wrote there without being told to.

/// Whether the file is a JSON report of a run or a comparison.
[[nodiscard]] bool isEarlierReport(const std::filesystem::path& path);
/// Whether the file begins as a table of a comparison: its first column is the method.
[[nodiscard]] bool isEarlierTable(const std::filesystem::path& path);

}  // namespace qs::cli
