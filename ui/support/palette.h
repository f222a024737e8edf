#pragma once

#include <QColor>
#include <QPalette>
#include <QString>
#include <array>
#include <cstdint>

#include "ui/support/marker.h"

namespace qs {

/// What the user chose under View > Theme. System follows the desktop's palette.
enum class Theme : std::uint8_t { System, Light, Dark };

/// Puts the theme's palette and the Fusion style on the application. May be called again at any time: every widget gets
/// a PaletteChange event. Needs a QApplication.
void applyTheme(Theme theme);

/// A full palette of the theme; that of the desktop at start for System.
[[nodiscard]] QPalette themePalette(Theme theme);

/// How a method looks in every chart: its name, its fixed colour slot (MethodInfo::colorSlot), and its marker, which
/// tells it from the methods that share the slot.
struct MethodStyle {
  QString name;
  int slot = 1;
  Marker marker = Marker::Circle;
  bool operator==(const MethodStyle&) const = default;
};

/// All colours of the charts, on a light or a dark ground. A value: views make one of their widget palette, exports use
/// light().
class Palette {
 public:
  static constexpr int kMethodSlots = 8;
  static constexpr int kMagnitudeColors = 256;

  [[nodiscard]] static Palette light();
  [[nodiscard]] static Palette dark();
  /// Light or dark by the lightness of Base; window, base, text and highlight are those of the widget.
  [[nodiscard]] static Palette of(const QPalette& palette);

  bool isDark = false;
  QColor window, base, text;
  QColor mutedText;  ///< labels of axes; contrast 4.5:1 on base and window
  QColor axis;       ///< lines and ticks of axes
  QColor grid;       ///< lines behind the data
  QColor selection;  ///< frames and marks of what is selected
  QColor before;     ///< original weights, as a filled area
  QColor warning;    ///< flagged values
  QColor failure;    ///< failed layers and runs
  QColor tooltipBase;

  /// Colour of a method slot 0…7; other numbers wrap around.
  [[nodiscard]] QColor method(int slot) const;
  /// Second channel beside colour: the marker of the `kind`-th method of a slot. No two of up to 8 kinds share one.
  [[nodiscard]] static Marker marker(int slot, int kind = 0);
  /// One of 7 shades for a block's linears (q, k, v, o, gate, up, down); others get the last one.
  [[nodiscard]] QColor linear(int kind) const;
  /// 256 colours from 0 to the largest magnitude, perceptually even (blue to yellow).
  [[nodiscard]] static const std::array<QRgb, kMagnitudeColors>& magnitudes();
  /// 256 colours from −largest over 0 (index 127.5) to +largest: blue, grey, orange.
  [[nodiscard]] const std::array<QRgb, kMagnitudeColors>& signedErrors() const;
  /// Colours of the hatch that stands for "not a number".
  [[nodiscard]] static QRgb notANumber(bool stripe);
};

}  // namespace qs
