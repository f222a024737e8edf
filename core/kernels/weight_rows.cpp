#include "core/kernels/weight_rows.h"

#include "core/kernels/convert.h"

namespace qs {

MatrixView WeightRows::middleRows(std::size_t first, std::size_t count, Matrix::Values& buffer) const {
  if (m_isMatrix) return view().middleRows(first, count);
  const StoredRows part = m_stored.middle(first, count);
  buffer.resize(count * part.cols);
  widenToFloat(part.type, part.contents(), buffer);
  return {buffer.data(), count, part.cols};
}

MatrixView WeightRows::block(const MatrixBlock& part, Matrix::Values& buffer) const {
  if (part.cols == cols()) return middleRows(part.firstRow, part.rows, buffer);
  buffer.resize(part.rows * part.cols);
  for (std::size_t r = 0; r < part.rows; ++r)
    widenToFloat(m_stored.type, m_stored.columnsOf(part.firstRow + r, part.firstCol, part.cols),
                 std::span(buffer).subspan(r * part.cols, part.cols));
  return {buffer.data(), part.rows, part.cols};
}

}  // namespace qs
