#pragma once

#include <memory>

#include "core/io/checkpoint.h"
#include "core/session/run_store.h"

namespace qs {

/// The model with the 1-D tensors that the run of `store` trained in place of its own, in their stored types: what has
/// to be run and exported with that run's layers. The model itself where nothing was trained.
[[nodiscard]] std::shared_ptr<const Checkpoint> withTrainedVectors(std::shared_ptr<const Checkpoint> model,
                                                                   const RunStore& store);

/// Values as the tensor's type keeps them.
void roundToStored(const CheckpointTensor& tensor, std::span<float> values);

}  // namespace qs
