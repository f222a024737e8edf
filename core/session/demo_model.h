#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/io/checkpoint.h"

namespace qs {

/// Where the built-in demo model lies for a program in `executableFolder`: <executableFolder>/../share/quantscope/demo.
[[nodiscard]] std::filesystem::path demoModelFolder(const std::filesystem::path& executableFolder);

/// Opens a model by path, or the demo model by the name "demo" (a file or folder of that name is opened as ./demo).
/// Throws Error (Input).
[[nodiscard]] std::shared_ptr<const Checkpoint> openModel(const std::string& pathOrDemo,
                                                          const std::filesystem::path& executableFolder);

/// The built-in texts: what a model is calibrated on, trained on, and measured on, where no text is named. No two are
/// the same.
[[nodiscard]] std::filesystem::path builtInCalibrationText(const std::filesystem::path& executableFolder);
[[nodiscard]] std::filesystem::path builtInTrainingText(const std::filesystem::path& executableFolder);
[[nodiscard]] std::filesystem::path builtInEvaluationText(const std::filesystem::path& executableFolder);

}  // namespace qs
