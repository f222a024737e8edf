#pragma once

#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"
#include "core/io/formats/weights_file.h"

namespace qs {

/// The tensors of a PyTorch archive (torch.save since version 1.6): views of mapped storages.
/// Its pickle is read by a machine that knows a fixed list of names and executes nothing. Throws Error (Input) naming
/// file, tensor and field; for the older format with advice to convert it.
[[nodiscard]] WeightsFile readPytorchFile(const std::filesystem::path& path);

[[nodiscard]] bool acceptsPytorch(const std::filesystem::path& path);
/// One file as a model. A config.json beside it counts, unless the file is a shard of several.
[[nodiscard]] std::shared_ptr<const Checkpoint> openPytorch(const std::filesystem::path& path);

}  // namespace qs
