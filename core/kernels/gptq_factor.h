#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/base/run_context.h"

namespace qs {

/// What GPTQ's updates multiply with: for position j of the column order, column j of M (unit upper triangular) with
/// H = M·D·Mᵀ. A loop corrects column j by Σ_{k<j} (w_k − ŵ_k)·M[k, j]; the loss is Σ_j D_j·residual_j².
template <typename Real>
class GptqFactor {
 public:
  /// From R (as factorUpper leaves it, H = R·Rᵀ), whose memory it takes over: M = R·diag(R)⁻¹, D = diag(R)².
  /// `blockSize` ≥ 1 is the update's.
  GptqFactor(std::vector<double> upper, std::size_t size, std::size_t blockSize, const RunContext& context);
  /// The introductory form, from H⁻¹ in full: M[k, j] = −H⁻¹[k, j] / H⁻¹[k, k], which forgets that the columns before k
  /// are done; D is 0.
  [[nodiscard]] static GptqFactor plainInverse(std::vector<double> inverse, std::size_t size, std::size_t blockSize,
                                               const RunContext& context);

  [[nodiscard]] std::size_t size() const { return m_size; }
  [[nodiscard]] std::size_t blockSize() const { return m_blockSize; }
  /// M[row, col] is data()[row·stride() + col], col > row.
  [[nodiscard]] const Real* data() const { return reinterpret_cast<const Real*>(m_storage.data()); }
  [[nodiscard]] std::size_t stride() const { return m_size * sizeof(double) / sizeof(Real); }
  /// M[k, col] of the rows k from the start of col's block up to col − 1, one after the other.
  [[nodiscard]] const Real* blockColumn(std::size_t col) const { return m_blockColumns.data() + col * m_blockSize; }
  [[nodiscard]] double diagonal(std::size_t col) const { return m_diagonal[col]; }

 private:
  GptqFactor(std::size_t size, std::size_t blockSize);
  /// Replaces element (row, col > row) by element·rowFactor[row]·colFactor[col] as Real, and gathers the block columns.
  void scaleRows(std::span<const double> rowFactor, std::span<const double> colFactor, const RunContext& context);

  std::size_t m_size;
  std::size_t m_blockSize;
  std::vector<double> m_storage;  // rows of Real at the beginning of the rows of double
  std::vector<double> m_diagonal;
  std::vector<Real> m_blockColumns;
};

extern template class GptqFactor<float>;
extern template class GptqFactor<double>;

}  // namespace qs
