#pragma once

#include <filesystem>
#include <memory>

#include "core/io/reader_registry.h"
#include "core/model/architecture_registry.h"
#include "core/model/runner/checkpoint_weights.h"
#include "core/model/runner/transformer_runner.h"

namespace qs::test {

/// An opened model with all that running it needs.
struct OpenedModel {
  explicit OpenedModel(const std::filesystem::path& path)
      : model(openCheckpoint(path)), spec(loadArchitecture(*model)), weights(spec, *model), runner(spec, weights) {}

  std::shared_ptr<const Checkpoint> model;
  ArchitectureSpec spec;
  CheckpointWeights weights;
  TransformerRunner runner;
};

}  // namespace qs::test
