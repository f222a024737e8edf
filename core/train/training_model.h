#pragma once

#include <set>
#include <string>

#include "core/model/architecture_spec.h"
#include "core/train/real_matrix.h"

namespace qs {

/// A model in memory as training runs it: tensors by name, linears [out, in] under the name of their weight. A tied
/// head is the embedding.
template <typename T>
struct TrainingModel {
  const ArchitectureSpec& spec;
  TensorMap<T> tensors = {};
  std::set<std::string> quantizedInputs = {};  ///< linears whose inputs are quantized, 8 bits a token
};

}  // namespace qs
