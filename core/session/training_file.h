#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/train/training_state.h"

namespace qs {

/// An unfinished training as a file's bytes: "QSTRAIN1", the state as CBOR, checksum of everything before it (u64).
/// `block` is the one in training, where a model is trained block by block.
[[nodiscard]] std::string encodeTraining(const TrainingState& state, std::size_t block);

struct StoredTraining {
  TrainingState state;
  std::size_t block = 0;
};
/// What decodes; nothing where the bytes are damaged or of another version.
[[nodiscard]] std::optional<StoredTraining> decodeTraining(std::string_view bytes);

}  // namespace qs
