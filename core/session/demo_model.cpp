#include "core/session/demo_model.h"

#include "core/base/error.h"
#include "core/io/reader_registry.h"

namespace qs {

std::filesystem::path demoModelFolder(const std::filesystem::path& executableFolder) {
  return (executableFolder / ".." / "share" / "quantscope" / "demo").lexically_normal();
}

std::shared_ptr<const Checkpoint> openModel(const std::string& pathOrDemo,
                                            const std::filesystem::path& executableFolder) {
  if (pathOrDemo != "demo") return openCheckpoint(pathOrDemo);
  const std::filesystem::path folder = demoModelFolder(executableFolder);
  if (!std::filesystem::exists(folder))
    throw inputError(folder.string(), "the demo model is missing: install the program with its data");
  return openCheckpoint(folder);
}

std::filesystem::path builtInCalibrationText(const std::filesystem::path& executableFolder) {
  return demoModelFolder(executableFolder) / "calibration.txt";
}

std::filesystem::path builtInTrainingText(const std::filesystem::path& executableFolder) {
  return demoModelFolder(executableFolder) / "training.txt";
}

std::filesystem::path builtInEvaluationText(const std::filesystem::path& executableFolder) {
  return demoModelFolder(executableFolder) / "evaluation.txt";
}

}  // namespace qs
