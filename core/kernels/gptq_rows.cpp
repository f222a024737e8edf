#include "core/kernels/gptq_rows.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "core/base/parallel.h"
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

  // Some of these columns as they are now, corrected for all before them.
  [[nodiscard]] LaneColumns part(std::size_t first, std::size_t last) {
    bringUp(first, last);
    LaneColumns columns(m_factor, first, last);
    for (std::size_t lane = 0; lane < kLanes; lane += m_stripWidth) {
      std::copy_n(open(first, lane), columns.stride(), columns.open(first, lane));
      std::copy_n(error(first, lane), columns.stride(), columns.error(first, lane));
    }
    return columns;
  }

  void clear() { std::fill_n(m_values.data(), 2 * m_count * kLanes, Real{0}); }

  // Weights, corrected as far as they are brought up.
  [[nodiscard]] Real* open(std::size_t column, std::size_t lane) { return m_values.data() + place(column, lane); }
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
        simd::addProduct(m_factor.columns(begin, end, from), simd::Strips<Real>{error(from, 0), stride(), 0, kLanes},
                         first - from, simd::Output<Real>{open(begin, 0), m_stripWidth, stride()}, false);
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
    return {.open = open(column, 0),
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
  simd::StripRoom<Real> m_values;      // open weights, then errors: each in strips of lanes [column][m_stripWidth]
  std::vector<std::size_t> m_applied;  // leading columns whose corrections are in the open weights
};

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
        m_width(tensor.cols),
        m_group(tensor.scheme.groupLength(tensor.cols)),
        m_groups(tensor.scheme.groupsPerRow(tensor.cols)),
        m_columns(factor, 0, m_width),
        m_scales(m_groups * kLanes, Real{1}),
        m_zeros(m_groups * kLanes, Real{0}),
        m_codes(m_width * kLanes) {
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

  // In small squares: rows of a matrix are often a power of two apart, and a whole column would evict itself.
  template <std::size_t Length, typename Body>
  void forSquares(std::size_t width, const Body& body) const {
    constexpr std::size_t kSide = 16;
    for (std::size_t j = 0; j < width; j += Length)
      for (std::size_t lane = 0; lane < m_rows; lane += kSide)
        for (std::size_t l = lane; l < std::min(lane + kSide, m_rows); ++l)
          for (std::size_t k = j; k < std::min(j + Length, width); ++k) body(k, l);
  }

  // Row by row into the order taken, then a strip of lanes at a time.
  void load() {
    const std::size_t width = simd::rightWidth<Real>();
    if (m_rows < kLanes) m_columns.clear();
    UnsetVector<Real> ordered(width * m_width);
    for (std::size_t lane = 0; lane < m_rows; lane += width) {
      const std::size_t count = std::min(width, m_rows - lane);
      for (std::size_t l = 0; l < count; ++l) {
        const std::span<const float> row = m_problem.weights.row(m_firstRow + lane + l);
        for (std::size_t j = 0; j < m_width; ++j) ordered[l * m_width + j] = static_cast<Real>(row[m_problem.order[j]]);
      }
      simd::packRight(simd::Factor<Real>{ordered.data(), count, m_width, 1}, m_width, m_columns.open(0, lane));
      if (m_problem.fromCorrected)
        std::fill_n(m_columns.error(0, lane), m_width * width, Real{0});
      else
        std::copy_n(m_columns.open(0, lane), m_width * width, m_columns.error(0, lane));
    }
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
    for (std::size_t j = first; j < last; ++j) followGptqColumn(group.next(j));
    const std::size_t length = last - first;
    std::vector<float> values(m_rows * length);
    forSquares<kLine / sizeof(float)>(length, [&](std::size_t k, std::size_t lane) {
      values[lane * length + k] = static_cast<float>(*group.open(first + k, lane));
    });
    for (std::size_t lane = 0; lane < m_rows; ++lane)
      setGrid(first / m_group, lane,
              findGrid(std::span(values).subspan(lane * length, length), m_tensor.scheme, m_problem.shrinkRange));
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
    forSquares<kLine>(m_width, [&](std::size_t j, std::size_t lane) {
      m_tensor.codes[(m_firstRow + lane) * m_width + m_problem.order[j]] = m_codes[j * kLanes + lane];
    });
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

  static constexpr std::size_t kLine = 64;  // bytes of the cache

  const GptqProblem& m_problem;
  const GptqFactor<Real>& m_factor;
  QuantizedTensor& m_tensor;
  CodeLimits m_limits;
  std::size_t m_firstRow;
  std::size_t m_rows;
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
