#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/model/architecture_spec.h"

namespace qs {

/// The operation whose output a group of linears reads.
struct InputProducer {
  enum class Kind { None, Norm, Linear };
  Kind kind = Kind::None;
  std::string name;                   ///< of the norm or the linear: tensors `name`.weight and `name`.bias
  NormKind normKind = NormKind::Rms;  ///< RmsPlusOne folds as w' = (1 + w)/s − 1
  bool bias = false;                  ///< has a bias, which is divided by s as well
  std::vector<std::size_t> rows;  ///< Linear: its row that makes input i of the group; empty = row i (when sizes match)
  bool foldable =
      false;           ///< dividing its output by s per channel, and multiplying the readers' columns, changes nothing
  std::string reason;  ///< why not foldable
};

/// Linears that read the same input: they share calibration statistics and an input scale.
struct LayerGroup {
  static constexpr std::size_t kNoBlock = static_cast<std::size_t>(-1);
  std::size_t block = kNoBlock;  ///< kNoBlock: the head
  std::size_t in = 0;            ///< input features
  std::vector<LinearSpec> linears;
  InputProducer producer;
};

/// The groups of all blocks in order of execution (per block: attention inputs, attention output, MLP inputs, MLP
/// output; a parallel block that shares its norm has the first and third as one), then the head's unless it is tied.
/// The position in this list is the group index that the runner reports.
[[nodiscard]] std::vector<LayerGroup> layerGroups(const ArchitectureSpec& spec);

}  // namespace qs
