#include "ui/support/number_format.h"

#include <QCoreApplication>
#include <array>
#include <cmath>

namespace qs::number {
namespace {

QString tr(const char* text) { return QCoreApplication::translate("number", text); }

QLocale locale() { return {}; }

QString withMinus(QString text) {
  static const QChar kMinus(0x2212);
  if (text.startsWith(QLatin1Char('-'))) text[0] = kMinus;
  return text;
}

/// "−∞", "∞", "NaN", or nothing for a finite number.
QString nonFinite(double value) {
  if (std::isnan(value)) return QStringLiteral("NaN");
  if (std::isinf(value)) return value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
  return {};
}

/// Power of ten of the value after rounding to `digits` significant digits: 9.996 counts as 10.
int exponentOf(double value, int digits) {
  const double magnitude = std::abs(value);
  int exponent = static_cast<int>(std::floor(std::log10(magnitude)));
  const double unit = std::pow(10.0, exponent - digits + 1);
  if (std::round(magnitude / unit) * unit >= std::pow(10.0, exponent + 1) * (1 - 1e-12)) ++exponent;
  return exponent;
}

QString scaled(double value, const char* unit) { return significant(value) + QChar(0xa0) + QLatin1String(unit); }

}  // namespace

QString significant(double value, int digits) {
  if (const QString text = nonFinite(value); !text.isEmpty()) return text;
  if (value == 0) return QStringLiteral("0");
  const int exponent = exponentOf(value, digits);
  if (exponent < -4 || exponent >= 6) {
    const QString power = withMinus(QString::number(exponent));
    return fixed(value / std::pow(10.0, exponent), digits - 1) + QLatin1Char('e') + power;
  }
  return fixed(value, std::max(0, digits - 1 - exponent));
}

QString significant(const std::optional<double>& value, int digits) {
  return value ? significant(*value, digits) : notMeasured();
}

QString percent(double share) { return significant(share * 100) + QStringLiteral("\u00a0%"); }

QString percent(const std::optional<double>& share) { return share ? percent(*share) : notMeasured(); }

QString decibels(double sqnrDb) {
  if (std::isinf(sqnrDb) && sqnrDb > 0) return tr("∞ dB exact");
  return fixed(sqnrDb, 1) + QStringLiteral("\u00a0dB");
}

QString size(std::uint64_t bytes) {
  constexpr std::array kUnits{"kB", "MB", "GB", "TB"};
  constexpr double kStep = 1000;
  auto value = static_cast<double>(bytes);
  if (value < kStep) return locale().toString(static_cast<qulonglong>(bytes)) + QStringLiteral("\u00a0B");
  std::size_t index = 0;
  for (value /= kStep; value >= kStep - 0.5 && index + 1 < kUnits.size(); value /= kStep) ++index;
  return scaled(value, kUnits[index]);
}

QString exactBytes(std::uint64_t bytes) { return tr("%1 bytes").arg(count(bytes)); }

QString count(std::uint64_t value) { return locale().toString(static_cast<qulonglong>(value)); }

QString counted(std::uint64_t value, const QString& one, const QString& many) {
  return value == 1 ? one : many.arg(count(value));
}

QString factor(double value) {
  if (const QString text = nonFinite(value); !text.isEmpty()) return text + QStringLiteral("×");
  return (value < 99.95 ? fixed(value, value < 0.995 ? 2 : 1) : significant(value)) + QStringLiteral("×");
}

QString bits(double bitsPerWeight) { return fixed(bitsPerWeight, 2); }

QString duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return notMeasured();
  if (seconds < 0.01) return scaled(seconds * 1000, "ms");
  if (seconds < 9.95) return fixed(seconds, seconds < 0.0995 ? 2 : 1) + QStringLiteral("\u00a0s");
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 60) return tr("%1\u00a0s").arg(whole);
  if (whole < 3600) return tr("%1\u00a0min %2\u00a0s").arg(whole / 60).arg(whole % 60, 2, 10, QLatin1Char('0'));
  return tr("%1\u00a0h %2\u00a0min").arg(whole / 3600).arg(whole % 3600 / 60, 2, 10, QLatin1Char('0'));
}

QString perplexity(double value, const std::optional<double>& uncertainty) {
  const QString text = fixed(value, 2);
  return uncertainty ? text + QStringLiteral("\u00a0±\u00a0") + fixed(*uncertainty, 2) : text;
}

QString difference(double value) {
  const QString text = significant(value);
  return value > 0 ? QLatin1Char('+') + text : text;
}

QString fixed(double value, int decimals) {
  if (const QString text = nonFinite(value); !text.isEmpty()) return text;
  const double rounded = std::abs(value) < 0.5 * std::pow(10.0, -decimals) ? 0.0 : value;
  return withMinus(locale().toString(rounded, 'f', decimals));
}

QString toCText(double value) {
  if (std::isnan(value)) return QStringLiteral("nan");
  if (std::isinf(value)) return value > 0 ? QStringLiteral("inf") : QStringLiteral("-inf");
  return QLocale::c().toString(value, 'g', QLocale::FloatingPointShortest).remove(QLatin1Char(','));
}

QString notMeasured() { return tr("not measured"); }

}  // namespace qs::number
