#pragma once

#include <QString>
#include <QStringList>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace qs {

/// A cell of a view's data: nothing, a number or a text.
using PlotCell = std::variant<std::monostate, double, QString>;

/// What a view shows, as numbers: for "Show as table" and CSV. Headers carry the units.
struct PlotTable {
  QString title;
  QStringList headers;
  std::vector<std::vector<PlotCell>> rows;  ///< each as long as headers
};

/// The cell as shown on screen, in the user's locale: whole numbers in full, others with 6 significant digits; empty
/// for nothing.
[[nodiscard]] QString displayText(const PlotCell& cell);

/// RFC 4180 text, numbers in the C locale with full precision, lines ending in "\n".
[[nodiscard]] QString toCsv(const PlotTable& table);

}  // namespace qs
