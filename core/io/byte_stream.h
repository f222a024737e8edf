#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/run_context.h"

namespace qs {

/// All bytes of a pipe, a terminal or a device (/dev/stdin), as they come until their end; waits for a pipe's first
/// writer. Throws Error (Input) naming the path, also where there are more than `maximumBytes`, and Cancelled.
[[nodiscard]] std::string readStream(const std::filesystem::path& path, std::uint64_t maximumBytes,
                                     const RunContext& context);

/// The same of standard input, which messages call so.
[[nodiscard]] std::string readStandardInput(std::uint64_t maximumBytes, const RunContext& context);

}  // namespace qs
