#include "core/session/fold_input_scales.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/layer_groups.h"

namespace qs {

namespace {

// The scale that all linears of a group have; empty where none has one.
std::vector<float> sharedScale(const LayerGroup& group, const InputScaleOf& inputScaleOf) {
  std::vector<float> shared;
  for (std::size_t i = 0; i < group.linears.size(); ++i) {
    const std::vector<float> scale = inputScaleOf(group.linears[i].name);
    if (i > 0 && scale != shared)
      throw failedError("layer '" + group.linears[i].name + "'",
                        "its input scale differs from that of '" + group.linears.front().name +
                            "', which reads the same input: it can't be folded");
    shared = scale;
  }
  if (!shared.empty() && !group.producer.foldable)
    throw failedError("layer '" + group.linears.front().name + "'",
                      "its input scale can't be folded into the operation before: " + group.producer.reason);
  return shared;
}

void addNormFold(const InputProducer& producer, const std::vector<float>& scale, InputScaleFolds& folds) {
  using Kind = InputScaleFold::Kind;
  const Kind kind = producer.normKind == NormKind::RmsPlusOne ? Kind::ElementsPlusOne : Kind::Elements;
  folds[producer.name + ".weight"] = {kind, scale};
  if (producer.bias) folds[producer.name + ".bias"] = {Kind::Elements, scale};
}

std::size_t rowsOf(const ArchitectureSpec& spec, const std::string& layer) {
  for (const LinearSpec& linear : allLinears(spec))
    if (linear.name == layer) return linear.out;
  throw failedError("layer '" + layer + "'", "is not known to the architecture");
}

void addLinearFold(const ArchitectureSpec& spec, const InputProducer& producer, const std::vector<float>& scale,
                   InputScaleFolds& folds) {
  InputScaleFold fold{InputScaleFold::Kind::Rows, std::vector<float>(rowsOf(spec, producer.name), 1.0F)};
  for (std::size_t i = 0; i < scale.size(); ++i)
    fold.divisors.at(producer.rows.empty() ? i : producer.rows[i]) = scale[i];
  if (producer.bias) folds[producer.name + ".bias"] = {InputScaleFold::Kind::Elements, fold.divisors};
  folds[producer.name + ".weight"] = std::move(fold);
}

}  // namespace

InputScaleFolds foldInputScales(const ArchitectureSpec& spec, const InputScaleOf& inputScaleOf) {
  InputScaleFolds folds;
  for (const LayerGroup& group : layerGroups(spec)) {
    const std::vector<float> scale = sharedScale(group, inputScaleOf);
    if (scale.empty()) continue;
    if (group.producer.kind == InputProducer::Kind::Norm)
      addNormFold(group.producer, scale, folds);
    else
      addLinearFold(spec, group.producer, scale, folds);
  }
  return folds;
}

void applyFold(const InputScaleFold& fold, std::span<float> values) {
  const bool plusOne = fold.kind == InputScaleFold::Kind::ElementsPlusOne;
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = plusOne ? (1.0F + values[i]) / fold.divisors[i] - 1.0F : values[i] / fold.divisors[i];
}

void applyFoldToRows(const InputScaleFold& fold, std::size_t firstRow, MatrixSpan rows) {
  for (std::size_t r = 0; r < rows.rows; ++r)
    for (float& value : rows.row(r)) value /= fold.divisors[firstRow + r];
}

void applyFoldToScales(const InputScaleFold& fold, const std::string& layer, QuantizedTensor& tensor) {
  if (tensor.scheme.groupSize == kPerTensor || tensor.nestedScales)
    throw failedError("layer '" + layer + "'",
                      "has no scale a row of its own that an input scale could be folded into");
  const std::size_t groups = tensor.scales.size() / std::max<std::size_t>(tensor.rows, 1);
  for (std::size_t r = 0; r < tensor.rows; ++r) {
    if (fold.divisors[r] == 1.0F) continue;
    for (std::size_t g = 0; g < groups; ++g) {
      float& scale = tensor.scales[r * groups + g];
      scale = roundToScaleType(scale / fold.divisors[r], tensor.scheme.scaleType);
    }
  }
}

}  // namespace qs
