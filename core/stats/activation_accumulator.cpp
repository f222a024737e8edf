#include "core/stats/activation_accumulator.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/finite.h"
#include "core/kernels/gram.h"

namespace qs {

namespace {

constexpr std::size_t kSampleRows = 4096;
constexpr std::size_t kChannelTile = 512;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

ActivationStats emptyStats(std::size_t channels, const ActivationOptions& options) {
  ActivationStats stats{.channels = channels};
  if (options.gram) stats.gram.assign(channels * channels, 0.0);
  if (options.drift) stats.drift.assign(channels * channels, 0.0);
  stats.absMax.assign(channels, 0.0F);
  stats.meanAbs.assign(channels, 0.0F);
  stats.minimum.assign(channels, kInfinity);
  stats.maximum.assign(channels, -kInfinity);
  return stats;
}

}  // namespace

ActivationAccumulator::ActivationAccumulator(std::string layer, std::size_t channels, ActivationOptions options)
    : m_layer(std::move(layer)),
      m_channels(channels),
      m_options(options),
      m_block(kGramBlockRows, channels),
      m_drift(options.drift ? kGramBlockRows : 0, channels),
      m_absSums(channels, 0.0),
      m_sample(channels, kSampleRows),
      m_heldOut(channels, kSampleRows),
      m_stats(emptyStats(channels, options)) {
  if (options.holdOutEvery == 1)
    throw requestError("hold_out", "expected 0 or at least 2, got 1: no row would be left to calibrate on");
}

void ActivationAccumulator::requireUsable(MatrixView rows) const {
  if (rows.cols != m_channels)
    throw mismatchError(m_layer, "calibration inputs", std::to_string(m_channels) + " channels",
                        std::to_string(rows.cols));
  const auto index = findNonFinite(rows.values());
  if (!index) return;
  const float value = rows.values()[*index];
  throw inputError(m_layer, std::string("calibration inputs: expected finite values, got ") +
                                (std::isnan(value) ? "NaN" : "infinity") + " at row " +
                                std::to_string(m_rowsSeen + *index / m_channels) + ", channel " +
                                std::to_string(*index % m_channels));
}

void ActivationAccumulator::add(MatrixView rows, const RunContext& context) { add(rows, {}, context); }

void ActivationAccumulator::add(MatrixView rows, MatrixView originals, const RunContext& context) {
  assert(!m_options.drift || (originals.rows == rows.rows && originals.cols == rows.cols));
  requireUsable(rows);
  std::pair<float, float> range{kInfinity, -kInfinity};
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const auto row = rows.row(r);
    const bool heldOut = m_options.holdOutEvery > 0 && ++m_rowsSeen % m_options.holdOutEvery == 0;
    if (m_options.holdOutEvery == 0) ++m_rowsSeen;
    if (heldOut) {
      m_heldOut.add(row);
      continue;
    }
    const auto [low, high] = std::minmax_element(row.begin(), row.end());
    if (low != row.end()) range = {std::min(range.first, *low), std::max(range.second, *high)};
    addRow(row, m_options.drift ? originals.row(r) : std::span<const float>(), context);
  }
  if (range.first <= range.second) m_stats.batchRanges.push_back(range);
}

void ActivationAccumulator::addRow(std::span<const float> row, std::span<const float> original,
                                   const RunContext& context) {
  m_sample.add(row);
  std::copy(row.begin(), row.end(), m_block.row(m_blockRows).begin());
  if (m_options.drift)
    std::transform(original.begin(), original.end(), row.begin(), m_drift.row(m_blockRows).begin(), std::minus<>());
  ++m_tokens;
  if (++m_blockRows == kGramBlockRows) flush(context);
}

// Blocks are cut from the stream of calibrating rows, so that batches don't show in the sums.
void ActivationAccumulator::flush(const RunContext& context) {
  if (m_blockRows == 0) return;
  const MatrixView block = m_block.view().middleRows(0, m_blockRows);
  addChannelStats(block, context);
  if (m_options.gram) addGramUpper(block, m_stats.gram, context);
  if (m_options.drift) addProducts(m_drift.view().middleRows(0, m_blockRows), block, m_stats.drift, context);
  m_blockRows = 0;
}

void ActivationAccumulator::addChannelStats(MatrixView rows, const RunContext& context) {
  parallelFor(context, (m_channels + kChannelTile - 1) / kChannelTile, [&](std::size_t tile) {
    const std::size_t first = tile * kChannelTile;
    const std::size_t last = std::min(first + kChannelTile, m_channels);
    for (std::size_t r = 0; r < rows.rows; ++r) {
      const float* row = rows.row(r).data();
      for (std::size_t c = first; c < last; ++c) {
        m_stats.minimum[c] = std::min(m_stats.minimum[c], row[c]);
        m_stats.maximum[c] = std::max(m_stats.maximum[c], row[c]);
        m_absSums[c] += static_cast<double>(std::abs(row[c]));
      }
    }
  });
}

ActivationStats ActivationAccumulator::take(const RunContext& context) {
  flush(context);
  if (m_tokens == 0) throw inputError(m_layer, "calibration inputs: there is no row to calibrate on");
  if (m_options.gram) mirrorUpper(m_stats.gram, m_channels, context);
  m_stats.tokens = m_tokens;
  for (std::size_t c = 0; c < m_channels; ++c) {
    m_stats.absMax[c] = std::max(-m_stats.minimum[c], m_stats.maximum[c]) + 0.0F;
    m_stats.meanAbs[c] = static_cast<float>(m_absSums[c] / static_cast<double>(m_tokens));
  }
  m_stats.sampleIsWhole = m_sample.isWhole();
  m_stats.sample = m_sample.take();
  m_stats.heldOut = m_heldOut.take();
  m_tokens = m_rowsSeen = 0;
  m_absSums.assign(m_channels, 0.0);
  return std::exchange(m_stats, emptyStats(m_channels, m_options));
}

}  // namespace qs
