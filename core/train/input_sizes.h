#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/train/training_model.h"

namespace qs {

struct RunContext;

/// Root mean square of each input channel, by layer.
using InputSizes = std::map<std::string, std::vector<float>>;

/// Passes states through a block, in place, and adds the sizes of what its linears read.
void addInputSizes(const TrainingModel<float>& model, std::size_t block, RealMatrix<float>& states,
                   std::size_t windowLength, InputSizes& sizes, const RunContext& context);

/// Of all blocks' linears, over whole windows of ids.
[[nodiscard]] InputSizes inputSizes(const TrainingModel<float>& model, std::span<const int> ids,
                                    std::size_t windowLength, const RunContext& context);

}  // namespace qs
