#pragma once

#include "core/model/runner/checkpoint_weights.h"

namespace qs {

/// The weights as the checkpoint stores them, with the inputs of its W8A8 layers really quantized where the file says
/// how: what evaluating or continuing an opened model runs.
class StoredWeights : public CheckpointWeights {
 public:
  using CheckpointWeights::CheckpointWeights;

  [[nodiscard]] bool quantizesInputs(const LinearSpec& linear) const override;
  void quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const override;
};

}  // namespace qs
