#include "ui/charts/mini_histogram.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace qs {
namespace {

constexpr double kFloor = 0.5;

/// The largest count under each of `pixels` equal parts of the range.
std::vector<double> pooled(const Histogram& histogram, const AxisRange& range, int pixels) {
  std::vector<double> counts(static_cast<std::size_t>(pixels));
  const double perUnit = pixels / range.span();
  const double width = histogram.binWidth() * perUnit;
  const double left = (histogram.low - range.low) * perUnit;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    if (histogram.counts[i] == 0) continue;
    const double from = left + width * static_cast<double>(i);
    const int first = std::clamp(static_cast<int>(std::floor(from)), 0, pixels - 1);
    const int last = std::clamp(static_cast<int>(std::ceil(from + width)) - 1, first, pixels - 1);
    for (int pixel = first; pixel <= last; ++pixel) {
      double& count = counts[static_cast<std::size_t>(pixel)];
      count = std::max(count, static_cast<double>(histogram.counts[i]));
    }
  }
  return counts;
}

double shareOf(double count, const MiniScale& scale) {
  const double most = std::max(scale.most, 1.0);
  if (!scale.log) return count / most;
  return count <= kFloor ? 0 : std::log(count / kFloor) / std::log(most / kFloor);
}

}  // namespace

double largestCount(const Histogram& histogram) {
  const auto top = std::ranges::max_element(histogram.counts);
  return top == histogram.counts.end() ? 0.0 : static_cast<double>(*top);
}

QPainterPath miniOutline(const Histogram& histogram, const MiniScale& scale, const QRectF& rect, bool closed) {
  QPainterPath path;
  const int pixels = static_cast<int>(rect.width());
  if (histogram.counts.empty() || pixels < 1 || !(scale.weights.span() > 0)) return path;
  const std::vector<double> counts = pooled(histogram, scale.weights, pixels);
  const double step = rect.width() / pixels;
  path.moveTo(rect.bottomLeft());
  double x = rect.left();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double y = rect.bottom() - shareOf(counts[i], scale) * rect.height();
    if (y != path.currentPosition().y()) path.lineTo(x, y);
    x = rect.left() + step * static_cast<double>(i + 1);
    if (i + 1 == counts.size() || counts[i + 1] != counts[i]) path.lineTo(x, y);
  }
  if (closed) path.lineTo(rect.bottomRight());
  if (closed) path.closeSubpath();
  return path;
}

}  // namespace qs
