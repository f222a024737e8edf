#pragma once

#include <optional>
#include <string>
#include <vector>

namespace qs {

/// Text for HTML and SVG: &, <, > and quotes escaped.
[[nodiscard]] std::string htmlEscaped(const std::string& text);

/// A bar of a bar chart; hover text says its label and value.
struct SvgBar {
  std::string label;
  double value = 0;
};
/// Bars on a linear axis from 0; up to ten have their labels below.
[[nodiscard]] std::string svgBars(const std::string& title, const std::string& yLabel, const std::vector<SvgBar>& bars);

/// Counts before (area) and after (outline) on the same bins, logarithmic in y; empty bins stand at the floor.
[[nodiscard]] std::string svgHistogram(const std::string& title, double low, double high,
                                       const std::vector<double>& before, const std::vector<double>& after);

/// A line through points, linear axes.
[[nodiscard]] std::string svgLine(const std::string& title, const std::string& xLabel, const std::string& yLabel,
                                  const std::vector<double>& x, const std::vector<double>& y);

/// A named point of a scatter plot.
struct SvgPoint {
  std::string label;
  double x = 0;
  double y = 0;
};
/// Named points, with the line through those that no other point beats in both x and y (smaller is better).
[[nodiscard]] std::string svgTradeOff(const std::string& title, const std::string& xLabel, const std::string& yLabel,
                                      const std::vector<SvgPoint>& points);

}  // namespace qs
