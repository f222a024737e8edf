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
  /// From R (as factorUpper leaves it, H = R·Rᵀ): M = R·diag(R)⁻¹, D = diag(R)². `blockSize` ≥ 1 is the update's.
  GptqFactor(std::span<const double> upper, std::size_t size, std::size_t blockSize, const RunContext& context);
  /// The introductory form, from H⁻¹ in full: M[k, j] = −H⁻¹[k, j] / H⁻¹[k, k], which forgets that the columns before k
  /// are done; D is 0.
  [[nodiscard]] static GptqFactor plainInverse(std::span<const double> inverse, std::size_t size, std::size_t blockSize,
                                               const RunContext& context);

  [[nodiscard]] std::size_t size() const { return m_size; }
  [[nodiscard]] std::size_t blockSize() const { return m_blockSize; }
  [[nodiscard]] std::size_t panelSize() const { return m_panelSize; }
  /// M is kept in panels of panelSize() columns (a few blocks), each row of a panel right after the one before, so that
  /// a product reads memory in order. The entry of a row in a column of the panel, row below the panel's end.
  [[nodiscard]] const Real* entry(std::size_t row, std::size_t col) const {
    const std::size_t panel = col / m_panelSize;
    return m_panels.data() + m_panelSize * (m_panelSize * (panel * (panel + 1) / 2) + row) + col % m_panelSize;
  }
  /// M[k, col] of the rows k from the start of col's block up to col − 1, one after the other.
  [[nodiscard]] const Real* blockColumn(std::size_t col) const { return m_blockColumns.data() + col * m_blockSize; }
  [[nodiscard]] double diagonal(std::size_t col) const { return m_diagonal[col]; }

 private:
  GptqFactor(std::size_t size, std::size_t blockSize);
  /// Fills the panels: entry (row, col > row) is square[row, col]·rowFactor[row]·colFactor[col].
  void fill(std::span<const double> square, std::span<const double> rowFactor, std::span<const double> colFactor,
            const RunContext& context);

  std::size_t m_size;
  std::size_t m_blockSize;
  std::size_t m_panelSize;
  std::vector<Real> m_panels;
  std::vector<double> m_diagonal;
  std::vector<Real> m_blockColumns;
};

extern template class GptqFactor<float>;
extern template class GptqFactor<double>;

}  // namespace qs
