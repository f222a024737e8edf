#include "core/exporters/reports/svg_plot.h"

#include <algorithm>
#include <cmath>

#include "core/exporters/reports/text_table.h"

namespace qs {

namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 260;
constexpr double kLeft = 70;
constexpr double kRight = 16;
constexpr double kTop = 30;
constexpr double kBottom = 44;
constexpr std::size_t kNamedBars = 10;  // more have no room for their names; hovering tells them
constexpr double kLogFloor = 0.5;       // where empty bins of a logarithmic axis are drawn

// A range of one axis and where it lies on the page; y grows upwards.
struct Axis {
  double low = 0;
  double high = 1;
  bool isVertical = false;

  [[nodiscard]] double at(double value) const {
    const double fraction = (value - low) / (high - low);
    return isVertical ? kHeight - kBottom - fraction * (kHeight - kTop - kBottom)
                      : kLeft + fraction * (kWidth - kLeft - kRight);
  }
};

Axis axisOver(std::vector<double> values, bool isVertical) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return {0, 1, isVertical};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double margin = *high > *low ? (*high - *low) * 0.05 : std::max(std::abs(*high) * 0.1, 1e-12);
  return {*low - margin, *high + margin, isVertical};
}

std::string number(double value) { return roundedText(value, 6); }

std::string point(double x, double y) { return number(x) + "," + number(y); }

std::string textAt(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" + htmlEscaped(text) +
         "</text>";
}

std::string beginPlot(const std::string& title, const std::string& xLabel, const std::string& yLabel) {
  const std::string middle = number(kHeight / 2);
  return "<svg viewBox=\"0 0 720 260\" role=\"img\" aria-label=\"" + htmlEscaped(title) + "\"><title>" +
         htmlEscaped(title) + "</title>" + textAt(kLeft, 18, "start", title) +
         textAt((kLeft + kWidth - kRight) / 2, kHeight - 6, "middle", xLabel) + "<text class=\"axis\" x=\"14\" y=\"" +
         middle + "\" text-anchor=\"middle\" transform=\"rotate(-90 14 " + middle + ")\">" + htmlEscaped(yLabel) +
         "</text><rect class=\"frame\" x=\"70\" y=\"30\" width=\"634\" height=\"186\"/>";
}

std::string ticks(const Axis& axis, int count) {
  std::string svg;
  for (int i = 0; i <= count; ++i) {
    const double value = axis.low + (axis.high - axis.low) * i / count;
    const std::string label = roundedText(value, 3);
    svg += axis.isVertical ? textAt(kLeft - 6, axis.at(value) + 4, "end", label)
                           : textAt(axis.at(value), kHeight - kBottom + 16, "middle", label);
  }
  return svg;
}

std::string logTicks(const Axis& axis) {
  std::string svg;
  const int step = std::max(1, static_cast<int>(std::ceil(axis.high / 5)));
  for (int power = 0; power <= static_cast<int>(axis.high); power += step)
    svg += textAt(kLeft - 6, axis.at(power) + 4, "end", roundedText(std::pow(10.0, power), 3));
  return svg;
}

double logCount(double count) { return std::log10(std::max(count, kLogFloor)); }

// The upper edge of a histogram as steps.
std::string stepPoints(const Axis& x, const Axis& y, double low, double width, const std::vector<double>& counts) {
  std::string points;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double height = y.at(logCount(counts[i]));
    points += point(x.at(low + static_cast<double>(i) * width), height) + " " +
              point(x.at(low + static_cast<double>(i + 1) * width), height) + " ";
  }
  return points;
}

}  // namespace

std::string htmlEscaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string svgBars(const std::string& title, const std::string& yLabel, const std::vector<SvgBar>& bars) {
  std::string svg = beginPlot(title, "", yLabel);
  double largest = 0;
  for (const SvgBar& bar : bars) largest = std::max(largest, std::isfinite(bar.value) ? bar.value : 0.0);
  const Axis y{0, largest > 0 ? largest * 1.05 : 1.0, true};
  const double step = (kWidth - kLeft - kRight) / static_cast<double>(std::max<std::size_t>(bars.size(), 1));
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double top = y.at(std::isfinite(bars[i].value) ? bars[i].value : 0.0);
    if (bars.size() <= kNamedBars)
      svg += textAt(kLeft + step * (static_cast<double>(i) + 0.5), kHeight - kBottom + 16, "middle", bars[i].label);
    svg += "<rect class=\"bar\" x=\"" + number(kLeft + step * (static_cast<double>(i) + 0.1)) + "\" y=\"" +
           number(top) + "\" width=\"" + number(step * 0.8) + "\" height=\"" + number(y.at(0) - top) + "\"><title>" +
           htmlEscaped(bars[i].label) + ": " + roundedText(bars[i].value, 4) + "</title></rect>";
  }
  return svg + ticks(y, 4) + "</svg>";
}

std::string svgHistogram(const std::string& title, double low, double high, const std::vector<double>& before,
                         const std::vector<double>& after) {
  if (before.empty() || !(high > low)) return "";
  double largest = 1;
  for (const std::vector<double>* counts : {&before, &after})
    for (const double count : *counts) largest = std::max(largest, count);
  const Axis x{low, high, false};
  const Axis y{std::log10(kLogFloor), std::log10(largest) * 1.05 + 0.1, true};
  const double width = (high - low) / static_cast<double>(before.size());
  const std::string floor = number(y.at(y.low));
  return beginPlot(title, "weight (empty bins are drawn at the floor)", "count (log)") +
         "<polygon class=\"before\" points=\"" + point(x.at(low), y.at(y.low)) + " " +
         stepPoints(x, y, low, width, before) + number(x.at(high)) + "," + floor +
         "\"/><polyline class=\"after\" points=\"" + stepPoints(x, y, low, width, after) + "\"/>" + ticks(x, 6) +
         logTicks(y) + "</svg>";
}

std::string svgLine(const std::string& title, const std::string& xLabel, const std::string& yLabel,
                    const std::vector<double>& xs, const std::vector<double>& ys) {
  const Axis x = axisOver(xs, false);
  const Axis y = axisOver(ys, true);
  std::string svg = beginPlot(title, xLabel, yLabel) + "<polyline class=\"after\" points=\"";
  for (std::size_t i = 0; i < std::min(xs.size(), ys.size()); ++i)
    if (std::isfinite(xs[i]) && std::isfinite(ys[i])) svg += point(x.at(xs[i]), y.at(ys[i])) + " ";
  return svg + "\"/>" + ticks(x, 6) + ticks(y, 4) + "</svg>";
}

std::string svgTradeOff(const std::string& title, const std::string& xLabel, const std::string& yLabel,
                        const std::vector<SvgPoint>& points) {
  std::vector<double> xs;
  std::vector<double> ys;
  for (const SvgPoint& p : points) {
    xs.push_back(p.x);
    ys.push_back(p.y);
  }
  const Axis x = axisOver(xs, false);
  const Axis y = axisOver(ys, true);
  std::vector<SvgPoint> sorted = points;
  std::stable_sort(sorted.begin(), sorted.end(), [](const SvgPoint& a, const SvgPoint& b) { return a.x < b.x; });
  std::string line;
  std::string marks;
  double best = std::numeric_limits<double>::infinity();
  for (const SvgPoint& p : sorted) {
    const std::string where = point(x.at(p.x), y.at(p.y));
    if (p.y < best) line += where + " ";
    best = std::min(best, p.y);
    marks += "<circle class=\"bar\" cx=\"" + number(x.at(p.x)) + "\" cy=\"" + number(y.at(p.y)) + "\" r=\"4\"/>" +
             textAt(x.at(p.x), y.at(p.y) - 8, "middle", p.label);
  }
  return beginPlot(title, xLabel, yLabel) + "<polyline class=\"after\" points=\"" + line + "\"/>" + marks +
         ticks(x, 6) + ticks(y, 4) + "</svg>";
}

}  // namespace qs
