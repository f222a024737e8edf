#include "core/kernels/gptq_factor.h"

#include <algorithm>
#include <cassert>

#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kPanel = 504;  // columns, about as many as a product takes at once; a multiple of strip widths

}  // namespace

template <typename Real>
GptqFactor<Real>::GptqFactor(std::size_t size, std::size_t blockSize)
    : m_size(size),
      m_blockSize(std::min(blockSize, size)),
      m_panelSize(std::min(kPanel, simd::stripValues(size, m_stripWidth, 1))),
      m_diagonal(size, 0.0) {
  const std::size_t first = (size - 1) / m_panelSize * m_panelSize;  // column of the last panel
  m_panels.resize(panelAt(first) + simd::stripValues(size - first, m_stripWidth, first + m_panelSize));
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
    std::vector<Real> values(m_panelSize);  // a row's
    for (std::size_t row = 0; row < last; ++row) {
      const std::size_t begin = std::max(first, row + 1);
      for (std::size_t col = begin; col < last; ++col)
        values[col - first] = static_cast<Real>(square[row * m_size + col] * rowFactor[row] * colFactor[col]);
      Real* out = m_panels.data() + panelAt(first) + row * m_stripWidth;
      for (std::size_t strip = (begin - first) / m_stripWidth; strip * m_stripWidth < last - first; ++strip)
        std::copy_n(&values[strip * m_stripWidth], m_stripWidth, out + strip * stripLength(first));
    }
  });
}

template class GptqFactor<float>;
template class GptqFactor<double>;

}  // namespace qs
