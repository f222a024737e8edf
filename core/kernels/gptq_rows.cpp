#include "core/kernels/gptq_rows.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>

#include <cblas.h>

#include "core/base/parallel.h"
#include "core/kernels/product_simd.h"

namespace qs {

namespace {

constexpr std::size_t kLanes = kGptqLanes;

blasint size32(std::size_t n) { return static_cast<blasint>(n); }

// C [m, lanes] += A[k, m]ᵀ · B [k, lanes].
template <typename Real>
void addProduct(std::size_t m, std::size_t k, const Real* a, std::size_t stride, const Real* b, Real* c) {
  simd::product(simd::Factor<Real>{a, m, 1, stride}, simd::Factor<Real>{b, kLanes, 1, kLanes}, k, c, kLanes,
                simd::Into::Add, false);
}

// Z := solution of Mᵀ·Z = Z for M [m, m] unit upper triangular, Z [m, lanes].
void solveUnit(std::size_t m, const float* matrix, float* z) {
  cblas_strsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasUnit, size32(m), size32(kLanes), 1.0F, matrix,
              size32(m), z, size32(kLanes));
}
void solveUnit(std::size_t m, const double* matrix, double* z) {
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasUnit, size32(m), size32(kLanes), 1.0, matrix,
              size32(m), z, size32(kLanes));
}

// A tile of rows, transposed: lanes are rows, so that every vector operation works on many rows at once.
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
        m_open(m_width * kLanes),
        m_errors(m_width * kLanes),
        m_applied(m_width, 0),
        m_scales(m_groups * kLanes, Real{1}),
        m_zeros(m_groups * kLanes, Real{0}),
        m_codes(m_width * kLanes) {
    load();
    if (!live()) loadGrids();
  }

  double run(const RunContext& context) {
    for (std::size_t first = 0; first < m_width; first += m_factor.blockSize()) {
      context.throwIfStopped();
      const std::size_t last = std::min(first + m_factor.blockSize(), m_width);
      // A whole panel at once where one begins: the product then reads the errors once for several blocks.
      if (first % m_factor.panelSize() == 0) bringUp(first, std::min(first + m_factor.panelSize(), m_width), first);
      bringUp(first, last, first);
      for (std::size_t j = first; j < last; ++j) quantize(j, first);
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
  template <typename Body>
  void forSquares(std::size_t width, const Body& body) const {
    constexpr std::size_t kSide = 16;
    for (std::size_t j = 0; j < width; j += kSide)
      for (std::size_t lane = 0; lane < m_rows; lane += kSide)
        for (std::size_t l = lane; l < std::min(lane + kSide, m_rows); ++l)
          for (std::size_t k = j; k < std::min(j + kSide, width); ++k) body(k, l);
  }

  void load() {
    forSquares(m_width, [&](std::size_t j, std::size_t lane) {
      m_open[j * kLanes + lane] = static_cast<Real>(m_problem.weights(m_firstRow + lane, m_problem.order[j]));
    });
    if (!m_problem.fromCorrected) m_errors = m_open;
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

  // Applies to the columns first..last-1 what the columns before `upTo` have left undone.
  void bringUp(std::size_t first, std::size_t last, std::size_t upTo) {
    for (std::size_t begin = first; begin < last;) {
      const std::size_t from = m_applied[begin];
      std::size_t end = begin + 1;
      while (end < last && m_applied[end] == from && end % m_factor.panelSize() != 0) ++end;
      if (from < upTo) {
        addProduct(end - begin, upTo - from, m_factor.entry(from, begin), m_factor.panelSize(),
                   &m_errors[from * kLanes], &m_open[begin * kLanes]);
        std::fill(m_applied.begin() + static_cast<std::ptrdiff_t>(begin),
                  m_applied.begin() + static_cast<std::ptrdiff_t>(end), upTo);
      }
      begin = end;
    }
  }

  // M[first..last, first..last], above its diagonal.
  [[nodiscard]] std::vector<Real> triangle(std::size_t first, std::size_t last) const {
    const std::size_t size = last - first;
    std::vector<Real> square(size * size);
    for (std::size_t col = first + 1; col < last;) {
      const std::size_t blockEnd = std::min(last, (col / m_factor.panelSize() + 1) * m_factor.panelSize());
      for (std::size_t row = first; row + 1 < blockEnd; ++row) {
        const std::size_t begin = std::max(col, row + 1);
        std::copy_n(m_factor.entry(row, begin), blockEnd - begin, &square[(row - first) * size + begin - first]);
      }
      col = blockEnd;
    }
    return square;
  }

  // The weights of positions first..last-1 as they would be now if the columns before `first` were all there are: with
  // p the corrections so far, w + p·M⁻¹ over that range (the loss of a column still open is then 0).
  [[nodiscard]] std::vector<Real> currentWeights(std::size_t first, std::size_t last) {
    bringUp(first, last, first);
    const std::size_t count = (last - first) * kLanes;
    std::vector<Real> current(count);
    for (std::size_t i = 0; i < count; ++i) current[i] = m_open[first * kLanes + i] - m_errors[first * kLanes + i];
    solveUnit(last - first, triangle(first, last).data(), current.data());
    for (std::size_t i = 0; i < count; ++i) current[i] += m_errors[first * kLanes + i];
    return current;
  }

  void findLiveGrids(std::size_t first) {
    const std::size_t last = std::min(first + m_group, m_width);
    const std::vector<Real> current = currentWeights(first, last);
    const std::size_t length = last - first;
    std::vector<float> values(m_rows * length);
    forSquares(length, [&](std::size_t k, std::size_t lane) {
      values[lane * length + k] = static_cast<float>(current[k * kLanes + lane]);
    });
    for (std::size_t lane = 0; lane < m_rows; ++lane)
      setGrid(first / m_group, lane,
              findGrid(std::span(values).subspan(lane * length, length), m_tensor.scheme, m_problem.shrinkRange));
  }

  void quantize(std::size_t j, std::size_t blockStart) {
    if (live() && j % m_group == 0) findLiveGrids(j);
    const std::size_t group = (live() ? j : m_problem.order[j]) / m_group;
    const std::size_t first = m_applied[j];
    quantizeGptqColumn(GptqColumn<Real>{.open = &m_open[j * kLanes],
                                        .errors = &m_errors[first * kLanes],
                                        .factors = m_factor.blockColumn(j) + (first - blockStart),
                                        .count = j - first,
                                        .scale = &m_scales[group * kLanes],
                                        .zero = &m_zeros[group * kLanes],
                                        .low = static_cast<Real>(m_limits.low),
                                        .high = static_cast<Real>(m_limits.high),
                                        .fromCorrected = m_problem.fromCorrected,
                                        .weight = m_factor.diagonal(j),
                                        .error = &m_errors[j * kLanes],
                                        .loss = m_losses.data(),
                                        .code = &m_codes[j * kLanes]});
  }

  void storeCodes() {
    forSquares(m_width, [&](std::size_t j, std::size_t lane) {
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

  const GptqProblem& m_problem;
  const GptqFactor<Real>& m_factor;
  QuantizedTensor& m_tensor;
  CodeLimits m_limits;
  std::size_t m_firstRow;
  std::size_t m_rows;
  std::size_t m_width;
  std::size_t m_group;
  std::size_t m_groups;
  std::vector<Real> m_open;            // [position][lane] weights, corrected as far as m_applied says
  std::vector<Real> m_errors;          // [position][lane] w, and w − ŵ once done
  std::vector<std::size_t> m_applied;  // [position] leading columns whose corrections are in m_open
  std::vector<Real> m_scales;          // [group][lane]
  std::vector<Real> m_zeros;           // [group][lane]
  std::vector<std::uint8_t> m_codes;   // [position][lane]
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
