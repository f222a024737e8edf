#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/checkpoint.h"

namespace qs {

/// What a tensor is to the program.
enum class TensorRole : std::uint8_t { Linear, Embedding, Head, Norm, Bias, Other };

/// A layer is named as its weight tensor without ".weight".
[[nodiscard]] std::string layerName(std::string_view tensorName);
/// The role by shape and name: a 2-D weight that is no embedding, norm or head is a linear.
[[nodiscard]] TensorRole tensorRole(const TensorInfo& tensor);
/// The tensor that holds a layer's weights. Throws Error (Request) naming the layer.
[[nodiscard]] const CheckpointTensor& requireLayer(const Checkpoint& model, std::string_view layer);
/// Number of the block that a tensor's name stands in ("model.layers.12.mlp…" gives 12), or −1.
[[nodiscard]] int blockNumber(std::string_view name);

/// Which layers a run quantizes: all linears, or those that globs name. Globs match layer names.
struct LayerFilter {
  std::vector<std::string> include;  ///< empty = every linear; a named layer may be any 2-D tensor
  std::vector<std::string> exclude;
  bool operator==(const LayerFilter&) const = default;
};

/// Throws Error (Request) naming the option and the glob where one of the globs names no layer of the model.
void requireEveryGlobMatches(const Checkpoint& model, std::string_view option, const std::vector<std::string>& globs);

/// The tensors that the filter chooses, in model order: by block, within a block as in the file. Throws Error (Request)
/// where an include glob names no layer.
[[nodiscard]] std::vector<const CheckpointTensor*> chooseLayers(const Checkpoint& model, const LayerFilter& filter);

}  // namespace qs
