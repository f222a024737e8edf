#include "core/model/runner/weight_provider.h"

namespace qs {

bool WeightProvider::quantizesInputs(const LinearSpec&) const { return false; }

void WeightProvider::quantizeInputs(const LinearSpec&, MatrixSpan) const {}

}  // namespace qs
