#include "ui/charts/plot_table.h"

#include <cmath>

#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr double kMostWhole = 1e15;  // so far every whole number is told apart

QString quoted(const QString& text) {
  if (!text.contains(QLatin1Char(',')) && !text.contains(QLatin1Char('"')) && !text.contains(QLatin1Char('\n')))
    return text;
  QString copy = text;
  return QLatin1Char('"') + copy.replace(QLatin1Char('"'), QLatin1String("\"\"")) + QLatin1Char('"');
}

QString csvText(const PlotCell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return number::toCText(*number);
  if (const auto* text = std::get_if<QString>(&cell)) return quoted(*text);
  return {};
}

}  // namespace

QString displayText(const PlotCell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) {
    const bool isWhole = *number == std::floor(*number) && std::abs(*number) < kMostWhole;
    return isWhole ? number::fixed(*number, 0) : number::significant(*number, 6);
  }
  if (const auto* text = std::get_if<QString>(&cell)) return *text;
  return {};
}

QString toCsv(const PlotTable& table) {
  QString csv;
  QStringList line;
  for (const QString& header : table.headers) line += quoted(header);
  csv += line.join(QLatin1Char(',')) + QLatin1Char('\n');
  for (const auto& row : table.rows) {
    line.clear();
    for (const PlotCell& cell : row) line += csvText(cell);
    csv += line.join(QLatin1Char(',')) + QLatin1Char('\n');
  }
  return csv;
}

}  // namespace qs
