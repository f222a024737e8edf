#include "ui/charts/plot_axis.h"

#include <algorithm>
#include <cmath>

namespace qs {
namespace {

constexpr double kDeepestZoom = 1e-6;  // of the full range: beyond it, F64 coordinates in pixels lose their meaning

}  // namespace

void PlotAxis::setFull(AxisRange range) {
  const bool zoomed = isZoomed();
  full = range;
  if (zoomed && view.low < full.high && view.high > full.low)
    setView(view);
  else
    view = full;
}

double PlotAxis::fractionOf(double value) const {
  if (log) {
    const double low = std::log(view.low);
    return (std::log(std::max(value, 1e-300)) - low) / (std::log(view.high) - low);
  }
  return (value - view.low) / (view.high - view.low);
}

double PlotAxis::valueAt(double fraction) const {
  if (log) return view.low * std::pow(view.high / view.low, fraction);
  return view.low + fraction * (view.high - view.low);
}

AxisTicks PlotAxis::ticks(int most) const {
  if (customTicks) return customTicks(view, most);
  if (log) {
    AxisTicks decades = decadeTicks(view.low, view.high, most);
    if (decades.major.size() >= 2) return decades;
  }
  return linearTicks(view.low, view.high, most, whole);
}

void PlotAxis::setView(AxisRange range) {
  view = {std::max(range.low, full.low), std::min(range.high, full.high)};
  if (view.high <= view.low) view = full;
}

void PlotAxis::zoom(double center, double factor) {
  if (!zoomable) return;
  if (log) {
    const double low = center * std::pow(view.low / center, factor);
    const double high = center * std::pow(view.high / center, factor);
    if (high / low > 1 + kDeepestZoom) setView({low, high});
    return;
  }
  const double low = center + (view.low - center) * factor;
  const double high = center + (view.high - center) * factor;
  if (high - low > full.span() * kDeepestZoom) setView({low, high});
}

void PlotAxis::pan(double fraction) {
  if (!zoomable || !isZoomed()) return;
  if (log) {
    const double ratio = view.high / view.low;
    const double shift =
        std::clamp(std::pow(ratio, fraction), full.low / view.low, std::max(1.0, full.high / view.high));
    view = {view.low * shift, view.high * shift};
    return;
  }
  const double shift = std::clamp(fraction * view.span(), full.low - view.low, full.high - view.high);
  view = {view.low + shift, view.high + shift};
}

}  // namespace qs
