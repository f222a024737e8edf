#include "core/session/stored_weights.h"

#include "core/quant/activation_quantizer.h"

namespace qs {

bool StoredWeights::quantizesInputs(const LinearSpec& linear) const {
  const CheckpointTensor* const tensor = model().find(weightName(spec(), linear));
  return tensor != nullptr && tensor->source->inputs().has_value();
}

void StoredWeights::quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const {
  if (const auto scheme = model().require(weightName(spec(), linear)).source->inputs()) roundInputs(rows, *scheme);
}

}  // namespace qs
