#include "core/kernels/gptq_rows.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/base/parallel.h"
#include "core/kernels/prefetch.h"
#include "core/kernels/product_simd.h"
#include "core/tensor/unset_vector.h"

namespace qs {

namespace {

constexpr std::size_t kLanes = kGptqLanes;

// The columns first..last-1 of a tile of rows, each row a lane, so that every vector operation works on many at once.
template <typename Real>
class LaneColumns {
 public:
  LaneColumns(const GptqFactor<Real>& factor, std::size_t first, std::size_t last)
      : m_factor(factor),
        m_first(first),
        m_count(last - first),
        m_values(2 * m_count * kLanes),
        m_applied(m_count, first) {}

  // Some of these columns, corrected for all before them.
  [[nodiscard]] LaneColumns part(std::size_t first, std::size_t last) {
    bringUp(first, last);
    LaneColumns columns(m_factor, first, last);
    for (std::size_t lane = 0; lane < kLanes; lane += m_stripWidth) {
      std::copy_n(correction(first, lane), columns.stride(), columns.correction(first, lane));
      std::copy_n(error(first, lane), columns.stride(), columns.error(first, lane));
    }
    return columns;
  }

  void clear() { std::fill_n(m_values.data(), 2 * m_count * kLanes, Real{0}); }
  // The first columns have nothing to be corrected for.
  void clearFirstCorrections() {
    for (std::size_t lane = 0; lane < kLanes; lane += m_stripWidth)
      std::fill_n(correction(m_first, lane), std::min(m_count, m_factor.stripWidth()) * m_stripWidth, Real{0});
  }

  // What the columns before add to the weights, as far as it is brought up; unset where that is nothing.
  [[nodiscard]] Real* correction(std::size_t column, std::size_t lane) { return m_values.data() + place(column, lane); }
  // w; once the column is done, what it passes on.
  [[nodiscard]] Real* error(std::size_t column, std::size_t lane) {
    return m_values.data() + m_count * kLanes + place(column, lane);
  }

  // Applies to the columns first..last-1 what the columns before them have left undone.
  void bringUp(std::size_t first, std::size_t last) {
    for (std::size_t begin = first; begin < last;) {
      const std::size_t from = m_applied[begin - m_first];
      std::size_t end = begin + 1;
      while (end < last && m_applied[end - m_first] == from && end % m_factor.panelSize() != 0) ++end;
      if (from < first) {
        simd::product(m_factor.columns(begin, end, from), simd::Strips<Real>{error(from, 0), stride(), 0, kLanes},
                      first - from, simd::Output<Real>{correction(begin, 0), m_stripWidth, stride()},
                      from == 0 ? simd::Into::Replace : simd::Into::Add, false);
        std::fill(&m_applied[begin - m_first], &m_applied[end - m_first - 1] + 1, first);
      }
      begin = end;
    }
  }

  // A column that lacks few corrections: with those that begin where it does, as many as are worth a product.
  [[nodiscard]] GptqColumn<Real> next(std::size_t column) {
    const std::size_t last = m_first + m_count;
    const std::size_t panel = m_factor.panelSize();
    const std::size_t panelEnd = std::min(last, (column / panel + 1) * panel);
    const std::size_t within = column % panel;
    if (within == 0)
      bringUp(column, panelEnd);
    else if (column % m_factor.blockSize() == 0)
      bringUp(column, std::min(column + m_factor.blockSize(), panelEnd));
    else if (within % m_factor.stripWidth() == 0)
      bringUp(column, std::min(column + m_factor.stripWidth(), panelEnd));
    const std::size_t from = m_applied[column - m_first];
    return {.correction = correction(column, 0),
            .errors = error(from, 0),
            .error = error(column, 0),
            .stripWidth = m_stripWidth,
            .stripStride = stride(),
            .factors = m_factor.entry(from, column),
            .factorStride = m_factor.stripWidth(),
            .count = column - from};
  }

 private:
  [[nodiscard]] std::size_t stride() const { return m_count * m_stripWidth; }
  [[nodiscard]] std::size_t place(std::size_t column, std::size_t lane) const {
    return lane / m_stripWidth * stride() + (column - m_first) * m_stripWidth + lane % m_stripWidth;
  }

  const GptqFactor<Real>& m_factor;
  std::size_t m_first;
  std::size_t m_count;
  std::size_t m_stripWidth = simd::rightWidth<Real>();
  simd::StripRoom<Real> m_values;      // corrections, then errors: each in strips of lanes [column][m_stripWidth]
  std::vector<std::size_t> m_applied;  // leading columns whose corrections are in m_values
};

// Eight rows of eight bytes, rows and columns exchanged: halves, quarters and single bytes change places.
void transposeBytes(const std::uint8_t* in, std::size_t stride, std::uint8_t* out, std::size_t outStride) {
  std::array<std::uint64_t, 8> rows;
  for (std::size_t i = 0; i < 8; ++i) std::memcpy(&rows[i], in + i * stride, 8);
  constexpr std::array<std::uint64_t, 3> kMasks = {0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF};
  for (std::size_t step = 0; step < 3; ++step) {
    const std::size_t distance = std::size_t{1} << step;
    const std::size_t shift = 8 * distance;
    for (std::size_t i = 0; i < 8; ++i) {
      if ((i & distance) != 0) continue;
      const std::uint64_t change = ((rows[i] >> shift) ^ rows[i + distance]) & kMasks[step];
      rows[i] ^= change << shift;
      rows[i + distance] ^= change;
    }
  }
  for (std::size_t i = 0; i < 8; ++i) std::memcpy(out + i * outStride, &rows[i], 8);
}

template <typename Real>
class RowTile {
 public:
  RowTile(const GptqProblem& problem, const GptqFactor<Real>& factor, std::size_t firstRow, std::size_t count,
          QuantizedTensor& tensor)
      : m_problem(problem),
        m_factor(factor),
        m_tensor(tensor),
        m_limits(codeLimits(tensor.scheme)),
        m_firstRow(firstRow),
        m_rows(count),
        m_inOrder(std::ranges::is_sorted(problem.order)),
        m_width(tensor.cols),
        m_group(tensor.scheme.groupLength(tensor.cols)),
        m_groups(tensor.scheme.groupsPerRow(tensor.cols)),
        m_columns(factor, 0, m_width),
        m_scales(m_groups * kLanes, Real{1}),
        m_zeros(m_groups * kLanes, Real{0}),
        m_codes((m_width + 7) / 8 * 8 * kLanes) {
    load();
    if (!live()) loadGrids();
  }

  double run(const RunContext& context) {
    for (std::size_t j = 0; j < m_width; ++j) {
      if (j % m_factor.blockSize() == 0) context.throwIfStopped();
      quantize(j);
    }
    storeCodes();
    if (live()) storeGrids();
    double loss = 0;
    for (std::size_t lane = 0; lane < m_rows; ++lane) loss += m_losses[lane];
    return loss;
  }

 private:
  [[nodiscard]] bool live() const { return m_problem.grids.empty(); }

  // A strip of lanes at a time, row by row into the order taken.
  void load() {
    const std::size_t width = simd::rightWidth<Real>();
    if (m_rows < kLanes) m_columns.clear();
    m_columns.clearFirstCorrections();
    UnsetVector<Real> buffer(width * m_width);
    for (std::size_t lane = 0; lane < m_rows; lane += width) {
      const std::size_t count = std::min(width, m_rows - lane);
      const MatrixView rows = m_problem.weights.middleRows(m_firstRow + lane, count);
      simd::packRight(simd::Factor<Real>{inOrder(rows, buffer), count, m_width, 1}, m_width, m_columns.error(0, lane));
    }
  }

  // Rows with their columns in the order taken: the rows themselves where they are so, or `buffer`.
  [[nodiscard]] const Real* inOrder(MatrixView rows, UnsetVector<Real>& buffer) const {
    if constexpr (std::is_same_v<Real, float>) {
      if (m_inOrder) return rows.data;
    }
    const std::uint32_t* columns = m_problem.order.data();
    for (std::size_t r = 0; r < rows.rows; ++r) {
      const float* from = rows.row(r).data();
      Real* to = &buffer[r * m_width];
      for (std::size_t j = 0; j < m_width; ++j) to[j] = static_cast<Real>(from[columns[j]]);
    }
    return buffer.data();
  }

  void loadGrids() {
    for (std::size_t g = 0; g < m_groups; ++g)
      for (std::size_t lane = 0; lane < m_rows; ++lane)
        setGrid(g, lane, m_problem.grids[m_tensor.unit(m_firstRow + lane, g * m_group)]);
  }

  void setGrid(std::size_t group, std::size_t lane, UnitGrid grid) {
    m_scales[group * kLanes + lane] = static_cast<Real>(grid.scale);
    m_zeros[group * kLanes + lane] = static_cast<Real>(grid.zero);
  }

  // From the weights of the group's positions as they would be now if the columns before `first` were all there are:
  // each column is then corrected so that the loss of those still open is 0.
  void findLiveGrids(std::size_t first) {
    const std::size_t last = std::min(first + m_group, m_width);
    LaneColumns<Real> group = m_columns.part(first, last);
    std::array<Real, kLanes> low;
    std::array<Real, kLanes> high;
    low.fill(std::numeric_limits<Real>::infinity());
    high.fill(-std::numeric_limits<Real>::infinity());
    for (std::size_t j = first; j < last; ++j) followGptqColumn(group.next(j), low.data(), high.data());
    if (m_problem.shrinkRange) return setGridsOfValues(group, first, last);
    for (std::size_t lane = 0; lane < m_rows; ++lane) {
      const ValueRange range{static_cast<float>(low[lane]) + 0.0F, static_cast<float>(high[lane]) + 0.0F};  // −0 is 0
      setGrid(first / m_group, lane, gridOfRange(range, m_tensor.scheme));
    }
  }

  void setGridsOfValues(LaneColumns<Real>& group, std::size_t first, std::size_t last) {
    std::vector<float> values(last - first);
    for (std::size_t lane = 0; lane < m_rows; ++lane) {
      for (std::size_t j = first; j < last; ++j) values[j - first] = static_cast<float>(*group.correction(j, lane));
      setGrid(first / m_group, lane, findGrid(values, m_tensor.scheme, true));
    }
  }

  void quantize(std::size_t j) {
    if (live() && j % m_group == 0) findLiveGrids(j);
    const std::size_t group = (live() ? j : m_problem.order[j]) / m_group;
    quantizeGptqColumn(m_columns.next(j),
                       GptqGrid<Real>{.scale = &m_scales[group * kLanes],
                                      .zero = &m_zeros[group * kLanes],
                                      .low = static_cast<Real>(m_limits.low),
                                      .high = static_cast<Real>(m_limits.high)},
                       GptqRounded{.fromCorrected = m_problem.fromCorrected,
                                   .weight = m_factor.diagonal(j),
                                   .loss = m_losses.data(),
                                   .code = &m_codes[j * kLanes]});
  }

  void storeCodes() {
    constexpr std::size_t kSide = 64;  // a line of the cache
    std::array<std::uint8_t, kSide * kSide> square;
    for (std::size_t lane = 0; lane < m_rows; lane += kSide) {
      const std::size_t lanes = std::min(kSide, m_rows - lane);
      std::uint8_t* out = &m_tensor.codes[(m_firstRow + lane) * m_width];
      for (std::size_t j = 0; j < m_width; j += kSide) {
        const std::size_t columns = std::min(kSide, m_width - j);
        for (std::size_t l = 0; l < lanes; ++l)
          simd::askFor(std::as_bytes(std::span(out + l * m_width + j, 1)).data(), 1);
        for (std::size_t k = 0; k < columns; k += 8)
          for (std::size_t l = 0; l < kSide; l += 8)
            transposeBytes(&m_codes[(j + k) * kLanes + lane + l], kLanes, &square[l * kSide + k], kSide);
        for (std::size_t l = 0; l < lanes; ++l) inPlace(&square[l * kSide], j, columns, out + l * m_width);
      }
    }
  }

  // Codes of the positions first..first+count-1 of a row, to their columns.
  void inPlace(const std::uint8_t* codes, std::size_t first, std::size_t count, std::uint8_t* row) const {
    if (m_inOrder) {
      std::copy_n(codes, count, row + first);
      return;
    }
    const std::uint32_t* columns = &m_problem.order[first];
    for (std::size_t k = 0; k < count; ++k) row[columns[k]] = codes[k];
  }

  void storeGrids() {
    for (std::size_t lane = 0; lane < m_rows; ++lane) {
      for (std::size_t g = 0; g < m_groups; ++g) {
        const std::size_t unit = (m_firstRow + lane) * m_groups + g;
        m_tensor.scales[unit] = static_cast<float>(m_scales[g * kLanes + lane]);
        if (!m_tensor.zeroPoints.empty()) m_tensor.zeroPoints[unit] = static_cast<float>(m_zeros[g * kLanes + lane]);
      }
    }
  }

  const GptqProblem& m_problem;
  const GptqFactor<Real>& m_factor;
  QuantizedTensor& m_tensor;
  CodeLimits m_limits;
  std::size_t m_firstRow;
  std::size_t m_rows;
  bool m_inOrder;  // a column's position is its number
  std::size_t m_width;
  std::size_t m_group;
  std::size_t m_groups;
  LaneColumns<Real> m_columns;        // a column a position
  std::vector<Real> m_scales;         // [group][lane]
  std::vector<Real> m_zeros;          // [group][lane]
  UnsetVector<std::uint8_t> m_codes;  // [position][lane]
  std::array<double, kLanes> m_losses{};
};

}  // namespace

template <typename Real>
double gptqRows(const GptqProblem& problem, const GptqFactor<Real>& factor, std::size_t firstRow, std::size_t count,
                QuantizedTensor& tensor, const RunContext& context) {
  assert(count <= kLanes && factor.size() == tensor.cols && problem.order.size() == tensor.cols);
  return RowTile<Real>(problem, factor, firstRow, count, tensor).run(context);
}

template double gptqRows<float>(const GptqProblem&, const GptqFactor<float>&, std::size_t, std::size_t,
                                QuantizedTensor&, const RunContext&);
template double gptqRows<double>(const GptqProblem&, const GptqFactor<double>&, std::size_t, std::size_t,
                                 QuantizedTensor&, const RunContext&);

template <typename Real>
double gptqAllRows(const GptqProblem& problem, const GptqFactor<Real>& factor, QuantizedTensor& tensor,
                   const RunContext& context, double progress) {
  const std::size_t tiles = (tensor.rows + kLanes - 1) / kLanes;
  std::vector<double> losses(tiles, 0.0);
  parallelFor(context, tiles, [&](std::size_t tile) {
    const std::size_t first = tile * kLanes;
    losses[tile] = gptqRows(problem, factor, first, std::min(kLanes, tensor.rows - first), tensor, context);
    context.advance(progress / static_cast<double>(tiles));
  });
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return sum;
}

template double gptqAllRows<float>(const GptqProblem&, const GptqFactor<float>&, QuantizedTensor&, const RunContext&,
                                   double);
template double gptqAllRows<double>(const GptqProblem&, const GptqFactor<double>&, QuantizedTensor&, const RunContext&,
                                    double);

}  // namespace qs
