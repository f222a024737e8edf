#include "ui/support/palette.h"

#include <QApplication>
#include <QStyle>
#include <QStyleFactory>
#include <algorithm>
#include <cmath>

namespace qs {
namespace {

// Chosen for a CIEDE2000 distance of at least 15 under every colour vision and a contrast of 3:1 on their ground.
constexpr std::array<QRgb, Palette::kMethodSlots> kLightMethods{0xff000000, 0xff8a6300, 0xff1883ff, 0xff188262,
                                                                0xffc28a38, 0xff2818e0, 0xff801220, 0xff70276d};
constexpr std::array<QRgb, Palette::kMethodSlots> kDarkMethods{0xffffffff, 0xffde8700, 0xff66dcff, 0xff10a683,
                                                               0xffc0ff00, 0xff0862f2, 0xff9d5e38, 0xff9c89af};
constexpr std::array<QRgb, 7> kLightLinears{0xff1f4e79, 0xff3b78ad, 0xff79abd6, 0xff8a8f98,
                                            0xff9a6b1f, 0xffc9953c, 0xff5b6b3a};
constexpr std::array<QRgb, 7> kDarkLinears{0xff3f7fb8, 0xff6aa8dc, 0xffa9d0f2, 0xffa3a8b1,
                                           0xffc08a33, 0xffe6bb6a, 0xff93a866};

struct Stop {
  double at;
  int red, green, blue;
};

constexpr std::array<Stop, 9> kCividis{{{0.0, 0, 34, 78},
                                        {0.125, 18, 53, 112},
                                        {0.25, 59, 73, 108},
                                        {0.375, 87, 93, 109},
                                        {0.5, 112, 113, 115},
                                        {0.625, 138, 134, 120},
                                        {0.75, 165, 156, 116},
                                        {0.875, 195, 179, 105},
                                        {1.0, 254, 232, 56}}};
constexpr std::array<Stop, 5> kSignedLight{
    {{0.0, 12, 60, 130}, {0.25, 96, 148, 200}, {0.5, 232, 232, 230}, {0.75, 222, 146, 66}, {1.0, 140, 62, 0}}};
constexpr std::array<Stop, 5> kSignedDark{
    {{0.0, 140, 200, 255}, {0.25, 56, 120, 190}, {0.5, 46, 46, 48}, {0.75, 190, 108, 30}, {1.0, 255, 190, 110}}};

template <std::size_t Count>
std::array<QRgb, 256> rampOf(const std::array<Stop, Count>& stops) {
  std::array<QRgb, 256> ramp{};
  for (std::size_t i = 0; i < ramp.size(); ++i) {
    const double t = static_cast<double>(i) / 255.0;
    std::size_t upper = 1;
    while (upper + 1 < Count && stops[upper].at < t) ++upper;
    const Stop& a = stops[upper - 1];
    const Stop& b = stops[upper];
    const double f = (t - a.at) / (b.at - a.at);
    const auto mix = [f](int from, int to) { return static_cast<int>(std::lround(from + f * (to - from))); };
    ramp[i] = qRgb(mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue));
  }
  return ramp;
}

QColor mixed(const QColor& a, const QColor& b, double share) {
  return QColor::fromRgbF(static_cast<float>(a.redF() + share * (b.redF() - a.redF())),
                          static_cast<float>(a.greenF() + share * (b.greenF() - a.greenF())),
                          static_cast<float>(a.blueF() + share * (b.blueF() - a.blueF())));
}

void deriveGreys(Palette& p) {
  p.mutedText = mixed(p.text, p.base, 0.30);
  p.axis = mixed(p.text, p.base, 0.55);
  p.grid = mixed(p.text, p.base, p.isDark ? 0.86 : 0.90);
  p.before = mixed(p.text, p.base, p.isDark ? 0.62 : 0.70);
  p.tooltipBase = p.isDark ? mixed(p.base, p.text, 0.10) : p.base;
}

QPalette paletteOf(QColor window, QColor base, QColor button, QColor text, QColor highlight, bool dark) {
  QPalette p;
  const QColor disabled = mixed(text, window, 0.55);
  const auto set = [&p](QPalette::ColorRole role, const QColor& color) { p.setColor(role, color); };
  set(QPalette::Window, window);
  set(QPalette::WindowText, text);
  set(QPalette::Base, base);
  set(QPalette::AlternateBase, mixed(base, text, 0.04));
  set(QPalette::Text, text);
  set(QPalette::PlaceholderText, mixed(text, base, 0.40));
  set(QPalette::Button, button);
  set(QPalette::ButtonText, text);
  set(QPalette::BrightText, Qt::white);
  set(QPalette::ToolTipBase, dark ? button : base);
  set(QPalette::ToolTipText, text);
  set(QPalette::Highlight, highlight);
  set(QPalette::HighlightedText, Qt::white);
  set(QPalette::Link, dark ? QColor(0x7ab8ff) : QColor(0x0b5fc0));
  set(QPalette::LinkVisited, dark ? QColor(0xc0a4e8) : QColor(0x6a3fa0));
  set(QPalette::Light, mixed(button, Qt::white, dark ? 0.12 : 0.9));
  set(QPalette::Midlight, mixed(button, Qt::white, dark ? 0.06 : 0.5));
  set(QPalette::Mid, mixed(button, Qt::black, dark ? 0.25 : 0.22));
  set(QPalette::Dark, mixed(button, Qt::black, dark ? 0.40 : 0.35));
  set(QPalette::Shadow, mixed(button, Qt::black, 0.65));
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    p.setColor(QPalette::Disabled, role, disabled);
  p.setColor(QPalette::Disabled, QPalette::Highlight, mixed(highlight, window, 0.6));
  p.setColor(QPalette::Disabled, QPalette::HighlightedText, disabled);
  return p;
}

}  // namespace

QPalette themePalette(Theme theme) {
  switch (theme) {
    case Theme::Light:
      return paletteOf(QColor(0xf3f4f6), Qt::white, QColor(0xf7f8f9), QColor(0x1b1f24), QColor(0x2a6fbb), false);
    case Theme::Dark:
      return paletteOf(QColor(0x262729), QColor(0x1e1e1e), QColor(0x323437), QColor(0xe6e6e6), QColor(0x2f6fb0), true);
    case Theme::System:
      break;
  }
  // The first palette seen is the desktop's; later ones may be ours.
  static const QPalette desktop = QApplication::palette();
  return desktop;
}

void applyTheme(Theme theme) {
  const QPalette system = themePalette(Theme::System);
  if (QStyle* fusion = QStyleFactory::create(QStringLiteral("Fusion"))) QApplication::setStyle(fusion);
  QApplication::setPalette(theme == Theme::System ? system : themePalette(theme));
}

Palette Palette::light() { return of(themePalette(Theme::Light)); }

Palette Palette::dark() { return of(themePalette(Theme::Dark)); }

Palette Palette::of(const QPalette& palette) {
  Palette p;
  p.window = palette.color(QPalette::Active, QPalette::Window);
  p.base = palette.color(QPalette::Active, QPalette::Base);
  p.text = palette.color(QPalette::Active, QPalette::Text);
  p.isDark = p.base.lightness() < 128;
  p.selection = p.isDark ? QColor(0x5aa2ee) : QColor(0x1f6bc0);
  p.warning = p.isDark ? QColor(0xf0b429) : QColor(0x9a6200);
  p.failure = p.isDark ? QColor(0xff7a70) : QColor(0xb3261e);
  deriveGreys(p);
  return p;
}

QColor Palette::method(int slot) const {
  const auto index = static_cast<std::size_t>(((slot % kMethodSlots) + kMethodSlots) % kMethodSlots);
  return QColor::fromRgb(isDark ? kDarkMethods[index] : kLightMethods[index]);
}

Marker Palette::marker(int slot, int kind) {
  constexpr int kStride = 3;  // prime to the number of markers
  const int index = (slot + kStride * kind) % kMarkers;
  return static_cast<Marker>((index + kMarkers) % kMarkers);
}

QColor Palette::linear(int kind) const {
  const auto index = static_cast<std::size_t>(std::clamp(kind, 0, 6));
  return QColor::fromRgb(isDark ? kDarkLinears[index] : kLightLinears[index]);
}

const std::array<QRgb, Palette::kMagnitudeColors>& Palette::magnitudes() {
  static const auto ramp = rampOf(kCividis);
  return ramp;
}

const std::array<QRgb, Palette::kMagnitudeColors>& Palette::signedErrors() const {
  static const auto onLight = rampOf(kSignedLight);
  static const auto onDark = rampOf(kSignedDark);
  return isDark ? onDark : onLight;
}

QRgb Palette::notANumber(bool stripe) { return stripe ? 0xffff00ff : 0xff5a005a; }

}  // namespace qs
