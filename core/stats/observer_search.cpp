#include "core/stats/observer_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace qs {

namespace {

constexpr std::size_t kEntropyLevels = 128;  // 2^(b−1), b = 8
constexpr double kDestinationBins = 256;

// Σ count·(Q(centre) − centre)² for an 8-bit grid of the range.
double squaredErrorOn(const Histogram& histogram, double low, double high, bool symmetric) {
  const double scale = symmetric ? high / 127.0 : (std::max(high, 0.0) - std::min(low, 0.0)) / 255.0;
  if (!(scale > 0)) return std::numeric_limits<double>::infinity();
  const double zero = symmetric ? 0.0 : std::clamp(std::rint(-std::min(low, 0.0) / scale), 0.0, 255.0);
  const double least = symmetric ? -128.0 : 0.0;
  const double most = symmetric ? 127.0 : 255.0;
  const double width = histogram.binWidth();
  double sum = 0;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    if (histogram.counts[i] == 0) continue;
    const double centre = histogram.low + (static_cast<double>(i) + 0.5) * width;
    const double code = std::clamp(std::rint(centre / scale) + zero, least, most);
    const double error = (code - zero) * scale - centre;
    sum += static_cast<double>(histogram.counts[i]) * error * error;
  }
  return sum;
}

// ∫ δ² over [begin, end] with a density.
double cubicTerm(double begin, double end, double density) {
  return density * (end * end * end - begin * begin * begin) / 3.0;
}

// Modelled error of quantizing to 256 bins over source bins first..last: values uniform inside each source bin.
double markError(const Histogram& histogram, std::size_t first, std::size_t last) {
  const double width = histogram.binWidth();
  const double step = width * static_cast<double>(last - first + 1) / kDestinationBins;
  if (step == 0) return 0;
  double error = 0;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    const double begin = (static_cast<double>(i) - static_cast<double>(first)) * width;
    const double end = begin + width;
    const double firstStep = std::clamp(std::floor(begin / step), 0.0, kDestinationBins - 1);
    const double lastStep = std::clamp(std::floor(end / step), 0.0, kDestinationBins - 1);
    const double density = static_cast<double>(histogram.counts[i]) / width;
    error += cubicTerm(begin - (firstStep + 0.5) * step, step / 2, density);
    error += (lastStep - firstStep - 1) * cubicTerm(-step / 2, step / 2, density);
    error += cubicTerm(-step / 2, end - (lastStep + 0.5) * step, density);
  }
  return error;
}

// The state of the search: source bins first..last, and the quantile marks that lead to them.
struct Marks {
  std::size_t first = 0;
  std::size_t last = 0;
  double lower = 0;
  double upper = 1;
};

Marks moveMarks(const Marks& marks, const std::vector<double>& cumulated) {
  constexpr double kStep = 1e-5;
  const double total = cumulated.back();
  std::size_t first = marks.first;
  std::size_t last = marks.last;
  while (first < marks.last && cumulated[first] < (marks.lower + kStep) * total) ++first;
  while (last > marks.first && cumulated[last] > (marks.upper - kStep) * total) --last;
  Marks next = marks;
  if (first - marks.first > marks.last - last) {
    next.first = first;
    next.lower += kStep;
  } else {
    next.last = last;
    next.upper -= kStep;
  }
  return next;
}

}  // namespace

ObservedRange searchLeastSquares(const Histogram& histogram, bool symmetric, const RunContext& context) {
  double lower = 1;  // fractions of the ends kept
  double upper = 1;
  double least = std::numeric_limits<double>::infinity();
  const auto tryRange = [&](double a, double b) {
    const double error = squaredErrorOn(histogram, a * histogram.low, b * histogram.high, symmetric);
    if (!(error < least)) return;  // the wider of equals, which came first
    least = error;
    lower = a;
    upper = b;
  };
  const auto fraction = [](int i) { return 1.0 - static_cast<double>(i) / 100.0; };
  for (int i = 0; i < 100; ++i) tryRange(fraction(i), fraction(i));
  for (int round = 0; round < 2 && !symmetric; ++round) {
    context.throwIfStopped();
    const double keptUpper = upper;
    for (int i = 0; i < 100; ++i) tryRange(fraction(i), keptUpper);
    const double keptLower = lower;
    for (int i = 0; i < 100; ++i) tryRange(keptLower, fraction(i));
  }
  const auto high = static_cast<float>(upper * histogram.high);
  return {symmetric ? -high : static_cast<float>(lower * histogram.low), high};
}

ObservedRange searchQuantileMarks(const Histogram& histogram, const RunContext& context) {
  std::vector<double> cumulated;
  double total = 0;
  for (const std::uint64_t count : histogram.counts) cumulated.push_back(total += static_cast<double>(count));
  Marks marks{.last = histogram.counts.size() - 1};
  double least = std::numeric_limits<double>::infinity();
  while (marks.lower < marks.upper) {
    Marks next = moveMarks(marks, cumulated);
    const bool moved = next.first != marks.first || next.last != marks.last;
    if (moved) {
      context.throwIfStopped();
      const double error = markError(histogram, next.first, next.last);
      if (error > least) break;
      least = error;
    }
    marks = next;
  }
  const double width = histogram.binWidth();
  return {static_cast<float>(histogram.low + width * static_cast<double>(marks.first)),
          static_cast<float>(histogram.low + width * static_cast<double>(marks.last + 1))};
}

double clippedDivergence(std::span<const double> counts, std::size_t bins) {
  const double clipped = std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(bins), counts.end(), 0.0);
  const auto spanOf = [&](std::size_t bin) { return bin * kEntropyLevels / bins; };
  std::vector<double> mass(kEntropyLevels, 0.0);
  std::vector<double> filled(kEntropyLevels, 0.0);
  double sumQ = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    mass[spanOf(i)] += counts[i];
    filled[spanOf(i)] += counts[i] > 0 ? 1.0 : 0.0;
    sumQ += counts[i];
  }
  const double sumP = sumQ + clipped;
  if (!(sumQ > 0)) return std::numeric_limits<double>::infinity();
  double divergence = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    const double p = (counts[i] + (i + 1 == bins ? clipped : 0.0)) / sumP;
    if (p == 0) continue;
    if (counts[i] == 0) return std::numeric_limits<double>::infinity();
    const double q = mass[spanOf(i)] / filled[spanOf(i)] / sumQ;
    divergence += p * std::log(p / q);
  }
  return divergence;
}

EntropyThreshold searchEntropy(const Histogram& histogram, const RunContext& context) {
  std::vector<double> counts(histogram.counts.begin(), histogram.counts.end());
  counts[0] = counts[1];  // the spike at zero would dominate otherwise
  EntropyThreshold best{.threshold = histogram.high, .divergence = std::numeric_limits<double>::infinity()};
  for (std::size_t bins = kEntropyLevels; bins <= counts.size(); ++bins) {
    context.throwIfStopped();
    const double divergence = clippedDivergence(counts, bins);
    if (divergence > best.divergence) continue;  // the last of equals
    best = {histogram.low + histogram.binWidth() * static_cast<double>(bins), divergence};
  }
  return best;
}

}  // namespace qs
