#include "ui/charts/plot_table.h"

#include <cmath>

#include "core/exporters/reports/text_table.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr double kMostWhole = 1e15;  // so far every whole number is told apart

std::string csvText(const PlotCell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return number::toCText(*number).toStdString();
  if (const auto* text = std::get_if<QString>(&cell)) return text->toStdString();
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
  TextTable text;
  for (const QString& header : table.headers) text.header.push_back(header.toStdString());
  for (const auto& row : table.rows) {
    std::vector<std::string>& line = text.rows.emplace_back();
    for (const PlotCell& cell : row) line.push_back(csvText(cell));
  }
  return QString::fromStdString(text.toCsv());
}

}  // namespace qs
