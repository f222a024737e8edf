#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/product_simd.h"
#include "core/tensor/unset_vector.h"

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
  /// M is kept in panels of panelSize() columns, each laid out in strips down to the panel's last row, so that products
  /// read memory in order.
  [[nodiscard]] std::size_t panelSize() const { return m_panelSize; }
  /// The columns first..last-1 of one panel, as a left factor, from the row `from` on.
  [[nodiscard]] simd::Strips<Real> columns(std::size_t first, std::size_t last, std::size_t from) const {
    return {m_panels.data() + panelAt(first) + from * m_stripWidth, stripLength(first), first % m_panelSize,
            last - first};
  }
  /// Columns in a strip; panels hold whole ones.
  [[nodiscard]] std::size_t stripWidth() const { return m_stripWidth; }
  /// M[row, col], row before the panel's end; the next row's is stripWidth() values further.
  [[nodiscard]] const Real* entry(std::size_t row, std::size_t col) const {
    const std::size_t within = col % m_panelSize;
    return m_panels.data() + panelAt(col) + within / m_stripWidth * stripLength(col) + row * m_stripWidth +
           within % m_stripWidth;
  }
  [[nodiscard]] double diagonal(std::size_t col) const { return m_diagonal[col]; }

 private:
  GptqFactor(std::size_t size, std::size_t blockSize);
  /// Fills the panels: entry (row, col > row) is square[row, col]·rowFactor[row]·colFactor[col].
  void fill(std::span<const double> square, std::span<const double> rowFactor, std::span<const double> colFactor,
            const RunContext& context);
  /// Where the panel of a column begins, and the values of one of its strips.
  [[nodiscard]] std::size_t panelAt(std::size_t col) const {
    const std::size_t panel = col / m_panelSize;
    return m_panelSize * m_panelSize * (panel * (panel + 1) / 2);
  }
  [[nodiscard]] std::size_t stripLength(std::size_t col) const {
    return (col / m_panelSize + 1) * m_panelSize * m_stripWidth;
  }

  std::size_t m_size;
  std::size_t m_blockSize;
  std::size_t m_stripWidth = simd::leftWidth();
  std::size_t m_panelSize;
  UnsetVector<Real> m_panels;
  std::vector<double> m_diagonal;
};

extern template class GptqFactor<float>;
extern template class GptqFactor<double>;

}  // namespace qs
