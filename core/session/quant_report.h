#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/quant/method_info.h"
#include "core/quant/settings.h"
#include "core/stats/histogram.h"
#include "core/tensor/quant_scheme.h"
#include "core/tensor/shape.h"

namespace qs {

/// Errors of one layer's quantized weights (and outputs, where inputs were given). Computed from the stored scales.
struct LayerMetrics {
  double weightMse = 0;
  double weightSqnrDb = 0;  ///< +infinity when exact
  double weightCosine = 1;
  double weightMaxAbsError = 0;
  double weightRelativeError = 0;                    ///< Σerr²/Σref²
  std::optional<double> outputRelativeError;         ///< over the calibration inputs
  std::optional<double> heldOutOutputRelativeError;  ///< over rows kept out of calibration
  bool operator==(const LayerMetrics&) const = default;
};

/// Percentiles of the weights per input channel, ready to draw: at most 2,000 points, each standing for the channels
/// first[i]..first[i+1]-1 with its extremes kept (minima of minima, maxima of maxima), medians of one channel.
struct ChannelBands {
  std::size_t channels = 0;  ///< in_features
  std::vector<std::uint32_t> first;
  std::vector<float> minimum, lowerQuartile, median, upperQuartile, maximum;
  std::vector<float> absMax;
  std::vector<float> error;  ///< root mean squared error of the channel's weights; empty before quantization
  bool operator==(const ChannelBands&) const = default;
};

/// A channel that stands out, strongest first.
struct OutlierChannel {
  std::uint32_t channel = 0;
  float absMax = 0;
  float ratio = 0;  ///< to the median channel's abs-max
  bool operator==(const OutlierChannel&) const = default;
};

/// What a run found out about one layer. Immutable once made.
struct LayerReport {
  std::string name;
  Shape shape;  ///< [out, in]
  std::string method;
  Settings settings;
  QuantScheme scheme;
  std::string error;                        ///< why the layer failed; then nothing below is set
  ErrorKind errorKind = ErrorKind::Failed;  ///< of `error`
  LayerMetrics metrics;
  std::uint64_t originalBytes = 0;
  std::uint64_t quantizedBytes = 0;
  double bitsPerWeight = 0;
  double seconds = 0;         ///< of the method's own work on the layer
  bool stored = false;        ///< taken from an earlier identical run, with its original seconds
  Histogram before;           ///< weights on equal bins over their range, widened to hold the quantized weights
  Histogram after;            ///< quantized weights on the same bins
  std::vector<float> levels;  ///< values that codes can take, at the median of up to 16,384 of the scales: at most 256
  ChannelBands channels;
  std::vector<float> groupErrors;        ///< RMS error of each group of inputs over all rows; pooled to 2,000 points
  std::vector<float> inputMeanSquares;   ///< [in] mean x² over the calibration inputs; empty without
  std::vector<OutlierChannel> outliers;  ///< at most 20
  std::vector<std::string> notes;
  std::map<std::string, double> figures;
  std::vector<MethodCurve> curves;
  bool operator==(const LayerReport&) const = default;
};
using LayerReportPtr = std::shared_ptr<const LayerReport>;

/// Sums over a run. Bytes count the quantized layers only.
struct ReportTotal {
  std::uint64_t parameters = 0;
  std::uint64_t originalBytes = 0;
  std::uint64_t quantizedBytes = 0;
  double bitsPerWeight = 0;
  double meanWeightRelativeError = 0;             ///< mean over the layers
  std::optional<double> meanOutputRelativeError;  ///< mean over the layers that have one
  double seconds = 0;
  std::size_t failedLayers = 0;
};

/// A finished run.
struct QuantReport {
  std::string model;  ///< path or name as shown
  std::string method;
  Settings settings;
  std::vector<LayerReportPtr> layers;
  ReportTotal total;
};
using QuantReportPtr = std::shared_ptr<const QuantReport>;

/// Totals of finished layers.
[[nodiscard]] ReportTotal totalOf(const std::vector<LayerReportPtr>& layers);

/// Throws the first failed layer's Error, which also counts the others: a layer is never left out in silence.
void requireAllLayers(const QuantReport& report);

}  // namespace qs
