#include "core/kernels/gptq_factor.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kRowsPerTask = 64;

}  // namespace

template <typename Real>
GptqFactor<Real>::GptqFactor(std::size_t size, std::size_t blockSize)
    : m_size(size), m_blockSize(std::min(blockSize, size)), m_diagonal(size, 0.0), m_blockColumns(size * m_blockSize) {}

template <typename Real>
GptqFactor<Real>::GptqFactor(std::vector<double> upper, std::size_t size, std::size_t blockSize,
                             const RunContext& context)
    : GptqFactor(size, blockSize) {
  assert(upper.size() == size * size);
  m_storage = std::move(upper);
  std::vector<double> inverses(size);
  for (std::size_t j = 0; j < size; ++j) {
    const double root = m_storage[j * size + j];
    m_diagonal[j] = root * root;
    inverses[j] = 1.0 / root;
  }
  scaleRows(std::vector<double>(size, 1.0), inverses, context);
}

template <typename Real>
GptqFactor<Real> GptqFactor<Real>::plainInverse(std::vector<double> inverse, std::size_t size, std::size_t blockSize,
                                                const RunContext& context) {
  GptqFactor factor(size, blockSize);
  factor.m_storage = std::move(inverse);
  std::vector<double> rowFactors(size);
  for (std::size_t k = 0; k < size; ++k) rowFactors[k] = -1.0 / factor.m_storage[k * size + k];
  factor.scaleRows(rowFactors, std::vector<double>(size, 1.0), context);
  return factor;
}

template <typename Real>
void GptqFactor<Real>::scaleRows(std::span<const double> rowFactor, std::span<const double> colFactor,
                                 const RunContext& context) {
  parallelFor(context, (m_size + kRowsPerTask - 1) / kRowsPerTask, [&](std::size_t task) {
    std::vector<Real> scaled(m_size);
    for (std::size_t row = task * kRowsPerTask; row < std::min((task + 1) * kRowsPerTask, m_size); ++row) {
      double* stored = m_storage.data() + row * m_size;
      for (std::size_t col = row + 1; col < m_size; ++col)
        scaled[col] = static_cast<Real>(stored[col] * rowFactor[row] * colFactor[col]);
      const std::size_t blockStart = row / m_blockSize * m_blockSize;
      for (std::size_t col = row + 1; col < std::min(blockStart + m_blockSize, m_size); ++col)
        m_blockColumns[col * m_blockSize + row - blockStart] = scaled[col];
      std::memcpy(stored, scaled.data(), m_size * sizeof(Real));
    }
  });
}

template class GptqFactor<float>;
template class GptqFactor<double>;

}  // namespace qs
