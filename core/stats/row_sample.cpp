#include "core/stats/row_sample.h"

#include <algorithm>
#include <cassert>

namespace qs {

void RowSample::add(std::span<const float> row) {
  assert(row.size() == m_cols);
  const bool wanted = m_seen++ % m_stride == 0;
  if (!wanted) return;
  if (m_values.size() == m_capacity * m_cols) {
    halve();
    if ((m_seen - 1) % m_stride != 0) return;
  }
  m_values.insert(m_values.end(), row.begin(), row.end());
}

void RowSample::halve() {
  const std::size_t kept = (m_capacity + 1) / 2;
  for (std::size_t r = 1; r < kept; ++r)
    std::copy_n(m_values.begin() + static_cast<std::ptrdiff_t>(2 * r * m_cols), m_cols,
                m_values.begin() + static_cast<std::ptrdiff_t>(r * m_cols));
  m_values.resize(kept * m_cols);
  m_stride *= 2;
}

Matrix RowSample::take() {
  const std::size_t rows = m_cols == 0 ? 0 : m_values.size() / m_cols;
  m_seen = 0;
  m_stride = 1;
  return {rows, m_cols, std::move(m_values)};
}

}  // namespace qs
