#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "core/stats/abs_max_pyramid.h"
#include "core/stats/activation_stats.h"
#include "core/stats/weight_stats.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// A layer's original weights with everything that doesn't depend on settings: kept between previews of the same layer.
struct LayerWeights {
  std::string name;
  Matrix values;  ///< [out, in]
  Shape shape;
  std::uint64_t originalBytes = 0;
  WeightDescription description;
  LayerReport unquantized;  ///< `before` histogram, channel bands and outliers
  AbsMaxPyramid pyramid;    ///< of the weights
};
using LayerWeightsPtr = std::shared_ptr<const LayerWeights>;

/// One layer quantized for the screen: its report, and the maps that only the selected layer has.
struct LayerPreview {
  LayerReport report;
  LayerWeightsPtr weights;
  QuantizedTensor quantized;  ///< [out, in]
  ComparisonMaps maps;

  /// The values of one row of the quantized weights [in].
  void dequantizeRow(std::size_t row, std::span<float> out) const;
};
using LayerPreviewPtr = std::shared_ptr<const LayerPreview>;

/// Loads a layer and describes it. Throws Error (non-finite values, a tensor that has no numbers) or Cancelled.
[[nodiscard]] LayerWeightsPtr loadLayerWeights(const Checkpoint& model, std::string_view layer,
                                               const RunContext& context);

/// What a preview may be given beside the request.
struct PreviewOptions {
  /// Inputs from loadLayerInputs for the same layer, calibration and method; null = gathered where the request says so.
  std::shared_ptr<const ActivationStats> inputs;
  CurveObserver curveObserver;  ///< told of a training's curve while it runs; any thread
};

/// The calibration inputs of a layer: kept between previews with the same calibration and method. Null where the
/// request has no calibration. Throws Error or Cancelled.
[[nodiscard]] std::shared_ptr<const ActivationStats> loadLayerInputs(const Checkpoint& model,
                                                                     const LayerWeightsPtr& weights,
                                                                     const QuantRequest& request,
                                                                     const RunContext& context);

/// Quantizes one loaded layer as the request says, whatever its layer filter; layers that share the input are loaded
/// too where the method needs one scale for them. The same codes and metrics as a whole run's. Throws Error or
/// Cancelled.
[[nodiscard]] LayerPreviewPtr previewLayer(const Checkpoint& model, const LayerWeightsPtr& weights,
                                           const QuantRequest& request, const RunContext& context,
                                           const PreviewOptions& options = {});

}  // namespace qs
