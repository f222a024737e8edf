#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/train/training_state.h"

namespace qs {

/// An unfinished training as a file's bytes: "QSTRAIN2", the state as CBOR, checksum of everything before it (u64).
/// `block` is the one in training, where a model is trained block by block.
[[nodiscard]] std::string encodeTraining(const TrainingState& state, std::size_t block);

struct StoredTraining {
  TrainingState state;
  std::size_t block = 0;
};
/// What decodes; nothing where the bytes are damaged or of another version.
[[nodiscard]] std::optional<StoredTraining> decodeTraining(std::string_view bytes);
/// The same from a file; nothing as well where it can't be read.
[[nodiscard]] std::optional<StoredTraining> loadTraining(const std::filesystem::path& file);

}  // namespace qs
