#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/io/layouts/packed_tensor.h"

namespace qs {

/// The stored tensors of one packed layer, by suffix behind the layer's name ("qweight", "scales").
struct LayerParts {
  std::string layer;
  std::map<std::string, CheckpointTensor, std::less<>> parts;

  [[nodiscard]] const CheckpointTensor* find(std::string_view suffix) const;
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] const std::string& file() const { return parts.begin()->second.file; }
  /// Copies of the stored bytes. Throws Error (Input) where a part isn't stored plainly.
  [[nodiscard]] PackedTensors load() const;
  /// The same by TensorSource::copyOnce().
  [[nodiscard]] PackedTensors loadOnce() const;
  /// As those of TensorSource, for all parts.
  void prefetch() const;
  void release() const;
  void forget() const;
};

/// Takes the layers out of `tensors` that have a tensor `<layer>.<key>`, each with those of its tensors that `suffixes`
/// name (the key included); other tensors, such as a bias, stay. In file order.
[[nodiscard]] std::vector<LayerParts> takeLayers(std::vector<CheckpointTensor>& tensors, std::string_view key,
                                                 const std::vector<std::string>& suffixes);

}  // namespace qs
