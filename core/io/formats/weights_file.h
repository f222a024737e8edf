#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"

namespace qs {

/// The tensors and metadata of one file of a model, which may have several.
struct WeightsFile {
  std::vector<CheckpointTensor> tensors;  ///< in the file's order
  std::map<std::string, std::string> metadata;
};

}  // namespace qs
