#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/io/checkpoint.h"

namespace qs {

/// A tensor of the original and the one that stands for it in the quantized checkpoint; one of them may be null.
struct TensorPair {
  const CheckpointTensor* original = nullptr;
  const CheckpointTensor* quantized = nullptr;
};

/// All tensors of both, in the original's order, then those that only the quantized checkpoint has. Names may differ by
/// the wrapper's prefix ("model.", "transformer.").
[[nodiscard]] std::vector<TensorPair> pairTensors(const Checkpoint& original, const Checkpoint& quantized);

/// Tensors that may come or go without meaning anything: rotary tables, GPT-2's causal masks, activation scales and the
/// like.
[[nodiscard]] bool isIncidentalTensor(std::string_view name);

}  // namespace qs
