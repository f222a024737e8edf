#include "core/train/fake_quantizer.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/uniform_grid.h"
#include "core/quant/lsq.h"
#include "core/train/passes/row_tiles.h"

namespace qs {

namespace {

constexpr float kSmallestStep = 1e-3F;  // of the first step
constexpr float kInsideCell = 0.49F;    // how far from its point, in steps, a latent weight may start

void fakeQuantizeRun(std::span<const float> latent, float step, float zero, float low, float high,
                     std::span<float> out) {
  for (std::size_t i = 0; i < latent.size(); ++i)
    out[i] = (std::min(std::max(std::rint(latent[i] / step) + zero, low), high) - zero) * step;
}

double squares(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

}  // namespace

FakeQuantizer::FakeQuantizer(MatrixView weights, QuantizedTensor start, const TrainedParts& parts,
                             const RunContext& context)
    : m_start(std::move(start)), m_parts(parts) {
  makeUnits();
  makeLatent(weights, context);
  m_start.codes.clear();
  m_start.codes.shrink_to_fit();
}

template <typename Body>
void FakeQuantizer::forRuns(std::size_t row, const Body& body) const {
  const std::size_t length = m_start.scheme.groupLength(m_start.cols);
  for (std::size_t first = 0; first < m_start.cols; first += length)
    body(first, std::min(length, m_start.cols - first), m_start.unit(row, first));
}

void FakeQuantizer::makeUnits() {
  const std::size_t units = m_start.scales.size();
  for (Learned* learned : {&m_steps, &m_zeros})
    for (std::vector<float>* part :
         {&learned->value, &learned->first, &learned->second, &learned->gradient, &learned->rate})
      part->assign(units, 0.0F);
  const auto codes = static_cast<float>(m_start.scheme.maxCode() - m_start.scheme.minCode());
  for (std::size_t u = 0; u < units; ++u) {
    m_steps.value[u] = m_start.scales[u];
    m_steps.rate[u] = m_start.scales[u];
    if (m_start.zeroPoints.empty()) continue;
    m_zeros.value[u] = m_start.zeroPoints[u];
    m_zeros.rate[u] = codes;
  }
  m_smallestStep = m_steps.value;
  for (float& step : m_smallestStep) step *= kSmallestStep;
  if (m_start.scheme.groupSize == kPerTensor) {
    m_rowSteps.assign(m_start.rows, 0.0);
    m_rowZeros.assign(m_start.rows, 0.0);
  }
}

void FakeQuantizer::makeLatent(MatrixView weights, const RunContext& context) {
  m_latent.resize(m_start.rows * m_start.cols);
  if (m_parts.weights) {
    m_first.assign(m_latent.size(), 0.0F);
    m_second.assign(m_latent.size(), 0.0F);
  }
  forTrainingRows(m_start.rows, context, [&](std::size_t, std::size_t firstRow, std::size_t count) {
    for (std::size_t row = firstRow; row < firstRow + count; ++row) {
      for (std::size_t col = 0; col < m_start.cols; ++col) {
        const Unit own = unit(m_start.unit(row, col));
        const float scale = m_start.inputScale.empty() ? 1.0F : m_start.inputScale[col];
        const float wanted = weights(row, col) * scale;
        const auto code = static_cast<float>(m_start.code(row, col));
        const auto codeOf = [&](float value) {
          return std::min(std::max(std::rint(value / own.step) + own.zero, own.low), own.high);
        };
        float value = wanted;
        if (codeOf(value) != code) {
          const float point = (code - own.zero) * own.step;
          value = std::clamp(wanted, point - kInsideCell * own.step, point + kInsideCell * own.step);
          if (codeOf(value) != code) value = point;
        }
        m_latent[row * m_start.cols + col] = value;
      }
    }
  });
}

void FakeQuantizer::setInputSizes(std::span<const float> inputSizes) {
  std::vector<float> sizes(inputSizes.begin(), inputSizes.end());
  for (std::size_t c = 0; c < m_start.inputScale.size(); ++c) sizes[c] /= m_start.inputScale[c];
  std::vector<float> sorted = sizes;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  m_columnRate.assign(inputSizes.size(), 1.0F);
  for (std::size_t c = 0; c < sizes.size(); ++c)
    if (sizes[c] > *middle) m_columnRate[c] = *middle / sizes[c];
}

FakeQuantizer::Unit FakeQuantizer::unit(std::size_t index) const {
  const auto low = static_cast<float>(m_start.scheme.minCode());
  const auto high = static_cast<float>(m_start.scheme.maxCode());
  const float zero = m_start.zeroPoints.empty() ? 0.0F : std::clamp(std::rint(m_zeros.value[index]), low, high);
  return {.step = roundToScaleType(m_steps.value[index], m_start.scheme.scaleType),
          .zero = zero + 0.0F,
          .low = low,
          .high = high};
}

void FakeQuantizer::quantize(BasicMatrixView<float> weights, const RunContext& context) const {
  forTrainingRows(m_start.rows, context, [&](std::size_t, std::size_t firstRow, std::size_t count) {
    for (std::size_t row = firstRow; row < firstRow + count; ++row) {
      const std::span<const float> latent = std::span(m_latent).subspan(row * m_start.cols, m_start.cols);
      forRuns(row, [&](std::size_t first, std::size_t length, std::size_t index) {
        const Unit own = unit(index);
        fakeQuantizeRun(latent.subspan(first, length), own.step, own.zero, own.low, own.high,
                        weights.row(row).subspan(first, length));
      });
      for (std::size_t c = 0; c < m_start.inputScale.size(); ++c) weights(row, c) /= m_start.inputScale[c];
    }
  });
}

double FakeQuantizer::takeGradient(BasicMatrixView<float> gradient, const RunContext& context) {
  const bool isOneUnit = m_start.scheme.groupSize == kPerTensor;
  std::vector<double> sums(trainingRowTiles(m_start.rows), 0.0);
  forTrainingRows(m_start.rows, context, [&](std::size_t tile, std::size_t firstRow, std::size_t count) {
    for (std::size_t row = firstRow; row < firstRow + count; ++row) {
      const std::span<float> own = gradient.row(row);
      for (std::size_t c = 0; c < m_start.inputScale.size(); ++c) own[c] /= m_start.inputScale[c];
      forRuns(row, [&](std::size_t first, std::size_t length, std::size_t index) {
        const Unit at = unit(index);
        const LsqGradients learned = lsqBackward(std::span(m_latent).subspan(row * m_start.cols + first, length),
                                                 {.step = at.step, .zero = at.zero, .low = at.low, .high = at.high},
                                                 m_start.zeroPoints.empty(), own.subspan(first, length));
        if (isOneUnit) {
          m_rowSteps[row] = learned.step;
          m_rowZeros[row] = learned.zero;
        } else {
          m_steps.gradient[index] = static_cast<float>(learned.step);
          m_zeros.gradient[index] = static_cast<float>(learned.zero);
        }
      });
      if (m_parts.weights) sums[tile] += squares(own);
    }
  });
  if (isOneUnit) {
    double step = 0;
    double zero = 0;
    for (std::size_t row = 0; row < m_start.rows; ++row) {
      step += m_rowSteps[row];
      zero += m_rowZeros[row];
    }
    m_steps.gradient[0] = static_cast<float>(step);
    m_zeros.gradient[0] = static_cast<float>(zero);
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  if (m_parts.steps) sum += squares(m_steps.gradient) + (m_start.zeroPoints.empty() ? 0.0 : squares(m_zeros.gradient));
  return sum;
}

void FakeQuantizer::update(BasicMatrixView<const float> gradient, float clip, const AdamWStep& weights,
                           const AdamWStep& steps, const RunContext& context) {
  if (m_parts.weights) {
    forTrainingRows(m_start.rows, context, [&](std::size_t, std::size_t firstRow, std::size_t count) {
      std::vector<float> units(m_start.cols);
      for (std::size_t row = firstRow; row < firstRow + count; ++row) {
        forRuns(row, [&](std::size_t first, std::size_t length, std::size_t index) {
          for (std::size_t c = first; c < first + length; ++c)
            units[c] = m_columnRate.empty() ? m_steps.rate[index] : m_steps.rate[index] * m_columnRate[c];
        });
        const std::size_t at = row * m_start.cols;
        adamWUpdate(weights, units, clip, gradient.row(row), std::span(m_first).subspan(at, m_start.cols),
                    std::span(m_second).subspan(at, m_start.cols), std::span(m_latent).subspan(at, m_start.cols));
      }
    });
  }
  if (!m_parts.steps) return;
  AdamWStep plain = steps;
  plain.decay = 0;
  const auto updateAll = [&](Learned& learned) {
    adamWUpdate(plain, learned.rate, clip, learned.gradient, learned.first, learned.second, learned.value);
  };
  updateAll(m_steps);
  if (!m_start.zeroPoints.empty()) updateAll(m_zeros);
  for (std::size_t u = 0; u < m_steps.value.size(); ++u)
    m_steps.value[u] = std::max(m_steps.value[u], m_smallestStep[u]);
}

QuantizedTensor FakeQuantizer::tensor(const RunContext& context) const {
  QuantizedTensor result = m_start;
  result.codes.resize(m_latent.size());
  for (std::size_t u = 0; u < result.scales.size(); ++u) {
    result.scales[u] = unit(u).step;
    if (!result.zeroPoints.empty()) result.zeroPoints[u] = unit(u).zero;
  }
  forTrainingRows(m_start.rows, context, [&](std::size_t, std::size_t firstRow, std::size_t count) {
    for (std::size_t row = firstRow; row < firstRow + count; ++row)
      forRuns(row, [&](std::size_t first, std::size_t length, std::size_t index) {
        const Unit own = unit(index);
        for (std::size_t i = row * m_start.cols + first; i < row * m_start.cols + first + length; ++i)
          result.codes[i] =
              storedCode(std::min(std::max(std::rint(m_latent[i] / own.step) + own.zero, own.low), own.high));
      });
  });
  return result;
}

std::vector<std::vector<float>*> FakeQuantizer::state() {
  return {&m_latent,       &m_first,       &m_second,      &m_steps.value, &m_steps.first,
          &m_steps.second, &m_zeros.value, &m_zeros.first, &m_zeros.second};
}

}  // namespace qs
