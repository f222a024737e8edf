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

}  // namespace qs
