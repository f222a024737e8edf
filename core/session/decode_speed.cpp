#include "core/session/decode_speed.h"

#include <algorithm>

#include "core/quant/method_registry.h"

namespace qs {

namespace {

constexpr std::int64_t kSmallestKernelGroup = 32;

std::optional<DecodeVariant> variantOf(const LayerReport& layer) {
  const MethodInfo* method = findMethod(layer.method);
  const QuantScheme& scheme = layer.scheme;
  if (method == nullptr || scheme.number != NumberFormat::Integer || scheme.realZeroPoint) return std::nullopt;
  if (method->quantizesActivations && scheme.bits == 8 && scheme.groupSize <= 0)
    return DecodeVariant{DecodeFormat::Int8, 0};
  const bool grouped = scheme.groupSize >= kSmallestKernelGroup && scheme.groupSize % kSmallestKernelGroup == 0;
  if (method->quantizesActivations || scheme.bits != 4 || !grouped) return std::nullopt;
  return DecodeVariant{DecodeFormat::Int4, static_cast<std::size_t>(scheme.groupSize)};
}

}  // namespace

std::optional<DecodeVariant> decodeVariantOf(const QuantReport& report) {
  std::optional<DecodeVariant> common;
  for (const LayerReportPtr& layer : report.layers) {
    const std::optional<DecodeVariant> variant = variantOf(*layer);
    if (!variant || (common && !(*common == *variant))) return std::nullopt;
    common = variant;
  }
  return common;
}

std::vector<DecodeShape> decodeShapesOf(const QuantReport& report) {
  std::vector<DecodeShape> shapes;
  for (const LayerReportPtr& layer : report.layers) {
    if (layer->shape.size() != 2) continue;
    const DecodeShape shape{static_cast<std::size_t>(layer->shape[0]), static_cast<std::size_t>(layer->shape[1]), 1};
    const auto known = std::find_if(shapes.begin(), shapes.end(), [&](const DecodeShape& other) {
      return other.rows == shape.rows && other.cols == shape.cols;
    });
    if (known == shapes.end())
      shapes.push_back(shape);
    else
      ++known->count;
  }
  return shapes;
}

}  // namespace qs
