#pragma once

#include <filesystem>
#include <stop_token>

namespace qs::cli {

/// What a command gets from the program around it.
struct Environment {
  std::stop_token stop;                    ///< asked to stop by an interrupt
  std::filesystem::path executableFolder;  ///< where the demo model is found from
};

/// The folder of the running program.
[[nodiscard]] std::filesystem::path findExecutableFolder();
/// The root of the stored runs, made if need be: $XDG_CACHE_HOME/quantscope/runs, by default ~/.cache/quantscope/runs;
/// below the temporary folder where that can't be made.
[[nodiscard]] std::filesystem::path findRunsFolder();

}  // namespace qs::cli
