#include "core/kernels/gptq_factor.h"

#include <algorithm>
#include <cassert>

#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kBlocksPerPanel = 4;

}  // namespace

template <typename Real>
GptqFactor<Real>::GptqFactor(std::size_t size, std::size_t blockSize)
    : m_size(size),
      m_blockSize(std::min(blockSize, size)),
      m_panelSize(std::min(kBlocksPerPanel * m_blockSize, size)),
      m_diagonal(size, 0.0),
      m_blockColumns(size * m_blockSize) {
  const std::size_t panels = (size + m_panelSize - 1) / m_panelSize;
  m_panels.resize(m_panelSize * m_panelSize * (panels * (panels + 1) / 2));
}

template <typename Real>
GptqFactor<Real>::GptqFactor(std::span<const double> upper, std::size_t size, std::size_t blockSize,
                             const RunContext& context)
    : GptqFactor(size, blockSize) {
  assert(upper.size() == size * size);
  std::vector<double> inverses(size);
  for (std::size_t j = 0; j < size; ++j) {
    const double root = upper[j * size + j];
    m_diagonal[j] = root * root;
    inverses[j] = 1.0 / root;
  }
  fill(upper, std::vector<double>(size, 1.0), inverses, context);
}

template <typename Real>
GptqFactor<Real> GptqFactor<Real>::plainInverse(std::span<const double> inverse, std::size_t size,
                                                std::size_t blockSize, const RunContext& context) {
  GptqFactor factor(size, blockSize);
  std::vector<double> rowFactors(size);
  for (std::size_t k = 0; k < size; ++k) rowFactors[k] = -1.0 / inverse[k * size + k];
  factor.fill(inverse, rowFactors, std::vector<double>(size, 1.0), context);
  return factor;
}

template <typename Real>
void GptqFactor<Real>::fill(std::span<const double> square, std::span<const double> rowFactor,
                            std::span<const double> colFactor, const RunContext& context) {
  parallelFor(context, (m_size + m_panelSize - 1) / m_panelSize, [&](std::size_t panel) {
    const std::size_t first = panel * m_panelSize;
    const std::size_t last = std::min(first + m_panelSize, m_size);
    Real* out = m_panels.data() + (entry(0, first) - m_panels.data());
    for (std::size_t row = 0; row < last; ++row, out += m_panelSize) {
      for (std::size_t col = std::max(first, row + 1); col < last; ++col) {
        const auto value = static_cast<Real>(square[row * m_size + col] * rowFactor[row] * colFactor[col]);
        out[col - first] = value;
        const std::size_t blockStart = col / m_blockSize * m_blockSize;
        if (row >= blockStart) m_blockColumns[col * m_blockSize + row - blockStart] = value;
      }
    }
  });
}

template class GptqFactor<float>;
template class GptqFactor<double>;

}  // namespace qs
