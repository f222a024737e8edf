#pragma once

#include <filesystem>

namespace qs::test {

// The project's own folder. Compiled into test_support alone, so that no other object depends on where the tree lies.
[[nodiscard]] std::filesystem::path projectFolder();

// tests/data, which is always there.
[[nodiscard]] std::filesystem::path dataFolder();

// The demo model as it lies in the source tree.
[[nodiscard]] std::filesystem::path demoFolder();

// Models with oracles that stand beside the tree of a contributor; users don't have them, so tests skip without.
[[nodiscard]] std::filesystem::path sharedModelsFolder();

}  // namespace qs::test
