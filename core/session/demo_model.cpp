#include "core/session/demo_model.h"

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/runnable_model.h"

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
  return builtInTextPath(demoModelFolder(executableFolder), BuiltInText::Calibration);
}

std::filesystem::path builtInTrainingText(const std::filesystem::path& executableFolder) {
  return builtInTextPath(demoModelFolder(executableFolder), BuiltInText::Training);
}

std::filesystem::path builtInEvaluationText(const std::filesystem::path& executableFolder) {
  return builtInTextPath(demoModelFolder(executableFolder), BuiltInText::Evaluation);
}

}  // namespace qs
