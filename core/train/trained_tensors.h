#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/tensor/quantized_tensor.h"

namespace qs {

/// What a training leaves: quantized linears by layer name, and the 1-D tensors (norms, biases) that were trained.
struct TrainedTensors {
  std::map<std::string, QuantizedTensor> layers;
  std::map<std::string, std::vector<float>> vectors;
  bool operator==(const TrainedTensors&) const = default;
};

}  // namespace qs
