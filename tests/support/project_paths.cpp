#include "tests/support/project_paths.h"

namespace qs::test {

std::filesystem::path projectFolder() { return QUANTSCOPE_SOURCE_DIR; }

std::filesystem::path dataFolder() { return projectFolder() / "tests/data"; }

std::filesystem::path demoFolder() { return projectFolder() / "resources/demo/model"; }

std::filesystem::path sharedModelsFolder() { return projectFolder() / "../shared/models"; }

}  // namespace qs::test
