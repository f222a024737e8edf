#include "ui/support/axis_ticks.h"

#include <algorithm>
#include <cmath>

#include "ui/support/number_format.h"

namespace qs {
namespace {

double niceStep(double span, int most, bool whole) {
  const double raw = span / most;
  double power = std::pow(10.0, std::floor(std::log10(raw)));
  if (whole && power < 1) power = 1;
  for (const double factor : {1.0, 2.0, 5.0, 10.0})
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

QString labelOf(double value, double step, double largest) {
  if (largest >= 1e6 || largest < 1e-4) return number::significant(value, 2);
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return number::fixed(value, decimals);
}

QString superscript(int exponent) {
  static const QString kDigits = QStringLiteral("⁰¹²³⁴⁵⁶⁷⁸⁹");
  QString text;
  for (const QChar c : QString::number(exponent))
    text += c == QLatin1Char('-') ? QChar(0x207b) : kDigits[c.digitValue()];
  return text;
}

/// Plain numbers where all of the axis stays short, else powers of ten.
QString powerLabel(int exponent, bool plain) {
  const double value = std::pow(10.0, exponent);
  if (plain && exponent >= 0) return number::count(static_cast<std::uint64_t>(std::llround(value)));
  if (plain) return number::fixed(value, -exponent);
  return QStringLiteral("10") + superscript(exponent);
}

}  // namespace

AxisTicks linearTicks(double low, double high, int most, bool whole) {
  AxisTicks ticks;
  if (!std::isfinite(low) || !std::isfinite(high) || high <= low) return ticks;
  most = std::clamp(most, 2, kMostTicks);
  double step = niceStep(high - low, most, whole);
  const double slack = (high - low) * 1e-9;
  double first = std::ceil((low - slack) / step);
  if (std::floor((high + slack) / step) - first + 1 > most) {
    step = niceStep(step * most * 1.01, most, whole);
    first = std::ceil((low - slack) / step);
  }
  const double largest = std::max(std::abs(low), std::abs(high));
  for (double i = first; i * step <= high + slack && ticks.major.size() < static_cast<std::size_t>(most); ++i) {
    const double value = i == 0 ? 0.0 : i * step;
    ticks.major.push_back(value);
    ticks.labels.push_back(labelOf(value, step, largest));
  }
  return ticks;
}

AxisTicks decadeTicks(double low, double high, int most) {
  AxisTicks ticks;
  if (!(low > 0) || !std::isfinite(high) || high <= low) return ticks;
  most = std::clamp(most, 2, kMostTicks);
  const int first = static_cast<int>(std::ceil(std::log10(low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
  const int every = std::max(1, (last - first + most) / most);
  const bool plain = first >= -3 && last <= 5;
  for (int e = first; e <= last; ++e) {
    if (e % every != 0) continue;
    ticks.major.push_back(std::pow(10.0, e));
    ticks.labels.push_back(powerLabel(e, plain));
  }
  return ticks;
}

DecadeRange wholeDecades(double low, double high) {
  const double first = std::floor(std::log10(low) + 1e-9);
  const double last = std::max(first + 1, std::ceil(std::log10(high) - 1e-9));
  return {std::pow(10.0, first), std::pow(10.0, last)};
}

}  // namespace qs
