#include "core/io/importers/layer_parts.h"

#include <algorithm>

#include "core/base/error.h"

namespace qs {

namespace {

Error notPlain(const CheckpointTensor& tensor) {
  return inputError(tensor.file + ": " + tensor.info.name, "is not stored plainly");
}

}  // namespace

const CheckpointTensor* LayerParts::find(std::string_view suffix) const {
  const auto found = parts.find(suffix);
  return found == parts.end() ? nullptr : &found->second;
}

std::uint64_t LayerParts::bytes() const {
  std::uint64_t total = 0;
  for (const auto& [suffix, tensor] : parts) total += tensor.info.bytes;
  return total;
}

PackedTensors LayerParts::load() const {
  PackedTensors loaded;
  for (const auto& [suffix, tensor] : parts) {
    const std::optional<TensorView> view = tensor.source->stored();
    if (!view) throw notPlain(tensor);
    loaded.push_back({suffix, view->dtype, view->shape, {view->bytes.begin(), view->bytes.end()}});
  }
  return loaded;
}

PackedTensors LayerParts::loadOnce() const {
  PackedTensors loaded;
  for (const auto& [suffix, tensor] : parts) {
    const std::optional<TensorView> view = tensor.source->stored();
    UnsetVector<std::byte> bytes(view ? view->bytes.size() : 0);
    if (!view || !tensor.source->copyOnce(0, bytes)) throw notPlain(tensor);
    loaded.push_back({suffix, view->dtype, view->shape, std::move(bytes)});
  }
  return loaded;
}

void LayerParts::prefetch() const {
  for (const auto& [suffix, tensor] : parts) tensor.source->prefetch();
}

void LayerParts::release() const {
  for (const auto& [suffix, tensor] : parts) tensor.source->release();
}

void LayerParts::forget() const {
  for (const auto& [suffix, tensor] : parts) tensor.source->forget();
}

std::vector<LayerParts> takeLayers(std::vector<CheckpointTensor>& tensors, std::string_view key,
                                   const std::vector<std::string>& suffixes) {
  const std::string ending = "." + std::string(key);
  std::vector<LayerParts> layers;
  std::map<std::string, std::size_t, std::less<>> indexOf;
  for (const CheckpointTensor& tensor : tensors) {
    const std::string& name = tensor.info.name;
    if (!name.ends_with(ending)) continue;
    const std::string layer = name.substr(0, name.size() - ending.size());
    indexOf.emplace(layer, layers.size());
    layers.push_back({.layer = layer});
  }
  std::vector<CheckpointTensor> rest;
  for (CheckpointTensor& tensor : tensors) {
    bool taken = false;
    for (const std::string& suffix : suffixes) {
      const std::string& name = tensor.info.name;
      if (!name.ends_with("." + suffix)) continue;
      const auto found = indexOf.find(std::string_view(name).substr(0, name.size() - suffix.size() - 1));
      if (found == indexOf.end()) continue;
      layers[found->second].parts.emplace(suffix, std::move(tensor));
      taken = true;
      break;
    }
    if (!taken) rest.push_back(std::move(tensor));  // NOLINT(bugprone-use-after-move): moved before only if taken
  }
  tensors = std::move(rest);
  return layers;
}

}  // namespace qs
