#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/weight_rows.h"
#include "core/stats/abs_max_pyramid.h"
#include "core/stats/channel_stats.h"
#include "core/stats/error_stats.h"
#include "core/stats/histogram.h"
#include "core/stats/moments.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

inline constexpr std::size_t kHistogramBins = 256;

/// What a layer's weights look like before any quantization. Depends on no setting: make it once a layer.
struct WeightDescription {
  Moments moments;
  Histogram histogram;    ///< kHistogramBins equal bins over [minimum, maximum]; around the value where all are equal
  bool isCounted = true;  ///< false: the bins are empty yet
  ChannelStats channels;  ///< without meanSquaredError
};

/// How quantized weights differ from the original ones.
struct WeightComparison {
  ErrorStats errors;
  /// The original weights: the description's bins, and more of them on either side where quantized weights lie beyond;
  /// 256 new bins over the common range where that took more than as many again.
  Histogram before;
  Histogram after;                             ///< the quantized weights on the same bins
  std::vector<float> channelMeanSquaredError;  ///< [in]
  std::vector<float> groupMeanSquaredError;    ///< [out, groups of groupLength inputs], row-major
  std::size_t groupsPerRow = 1;
};

enum class WeightCounts { Now, Later };

/// Describes weights [out, in], all finite. Range, abs-max and moments are exact; the channels' quartiles and medians
/// come from every row up to 1,024 of them, else from 1,024 rows spaced evenly. With WeightCounts::Later the histogram
/// of F32 weights is left to compareWeights(), which reads every weight anyway; 16-bit ones are counted by bit patterns
/// in the pass that finds their range. Runs in the arena at work. Throws Cancelled.
[[nodiscard]] WeightDescription describeWeights(const WeightRows& weights, const RunContext& context,
                                                WeightCounts counts = WeightCounts::Now);

/// Quantized weights [out, in] by rows: a matrix's, or a quantized tensor's, dequantized a few rows at a time. Refers
/// to what it is made from.
class QuantizedRows {
 public:
  QuantizedRows(MatrixView values) : m_values(values) {}               // NOLINT(google-explicit-constructor)
  QuantizedRows(const QuantizedTensor& tensor) : m_tensor(&tensor) {}  // NOLINT(google-explicit-constructor)
  QuantizedRows(QuantizedTensor&&) = delete;

  [[nodiscard]] std::size_t rows() const { return m_tensor != nullptr ? m_tensor->rows : m_values.rows; }
  [[nodiscard]] std::size_t cols() const { return m_tensor != nullptr ? m_tensor->cols : m_values.cols; }
  /// Whether block() takes columns that start at whole groups of `groupLength`, or only whole rows.
  [[nodiscard]] bool hasBlocks(std::size_t groupLength) const;
  /// A part of them; valid until `buffer` changes.
  [[nodiscard]] MatrixView block(const MatrixBlock& part, Matrix::Values& buffer) const;
  /// Adds to `counts` what those rows hold, if that is quicker than to ask for them.
  [[nodiscard]] bool countFromCodes(std::size_t first, std::size_t count, const Histogram& bins,
                                    std::span<std::uint64_t> counts) const;
  /// Widens `span` to hold the values of those rows.
  void widen(ValueSpan& span, std::size_t first, std::size_t count) const;

 private:
  MatrixView m_values;
  const QuantizedTensor* m_tensor = nullptr;
};

/// Maps of a comparison for the screen.
struct ComparisonMaps {
  AbsMaxPyramid quantized;
  AbsMaxPyramid error;  ///< of ŵ − w
};

/// Compares quantized weights with the original ones, both [out, in]; `groupLength` inputs make a group
/// (QuantScheme::groupLength). `description` is that of the original weights. Fills `maps` where there are any. Runs in
/// the arena at work. Throws Cancelled.
[[nodiscard]] WeightComparison compareWeights(const WeightRows& weights, const QuantizedRows& quantized,
                                              const WeightDescription& description, std::size_t groupLength,
                                              const RunContext& context, ComparisonMaps* maps = nullptr);

}  // namespace qs
