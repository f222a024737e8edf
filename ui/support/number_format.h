#pragma once

#include <QLocale>
#include <QString>
#include <cstdint>
#include <optional>

/// The one place that turns numbers into text for the screen. Follows QLocale (decimal point, grouping) with a true
/// minus sign. Values that are absent read "not measured"; files get their numbers from toCText().
namespace qs::number {

/// 3 significant digits: "0.0312", "12.3", "4.56e−7" outside 1e−4…1e6.
[[nodiscard]] QString significant(double value, int digits = 3);
/// Same, or "not measured".
[[nodiscard]] QString significant(const std::optional<double>& value, int digits = 3);
/// A share 0…1 as percent with 3 significant digits: "3.12 %".
[[nodiscard]] QString percent(double share);
[[nodiscard]] QString percent(const std::optional<double>& share);
/// "30.2 dB"; "∞ dB exact" for +infinity.
[[nodiscard]] QString decibels(double sqnrDb);
/// "3.90 GB", "512 B"; a GB is 10⁹ bytes.
[[nodiscard]] QString size(std::uint64_t bytes);
/// "3 902 114 816 bytes" with the locale's grouping, for tooltips.
[[nodiscard]] QString exactBytes(std::uint64_t bytes);
/// A whole number with the locale's grouping.
[[nodiscard]] QString count(std::uint64_t value);
/// A number of things, of which one is named otherwise: counted(n, tr("1 layer"), tr("%1 layers")).
[[nodiscard]] QString counted(std::uint64_t value, const QString& one, const QString& many);
/// "2.7×".
[[nodiscard]] QString factor(double value);
/// "4.16".
[[nodiscard]] QString bits(double bitsPerWeight);
/// "0.8 s", "41 s", "2 min 05 s", "1 h 12 min"; below 10 ms "6.1 ms".
[[nodiscard]] QString duration(double seconds);
/// A perplexity with 2 decimals, and "±0.03" when an uncertainty is given.
[[nodiscard]] QString perplexity(double value, const std::optional<double>& uncertainty = {});
/// A difference with its sign and 3 significant digits: "+0.11", "−2.5".
[[nodiscard]] QString difference(double value);
/// "−0.2" with exactly `decimals` places: labels of an axis.
[[nodiscard]] QString fixed(double value, int decimals);
/// Shortest text that reads back as the same number, in the C locale: CSV and JSON.
[[nodiscard]] QString toCText(double value);
[[nodiscard]] QString notMeasured();

}  // namespace qs::number
