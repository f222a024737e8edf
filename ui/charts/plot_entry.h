#pragma once

#include <QColor>
#include <QPointF>
#include <QRectF>
#include <QString>
#include <cstdint>
#include <vector>

#include "ui/support/palette.h"

namespace qs {

enum class Swatch : std::uint8_t { Area, Line, DashedLine, DottedLine, Point };

/// An entry of a legend or of the tooltip: a swatch, a name, and a value in the tooltip.
struct PlotEntry {
  QColor color;  ///< invalid: no swatch
  QString label;
  QString value = {};
  Swatch swatch = Swatch::Line;
  Marker marker = Marker::Circle;
};

/// What stands under the crosshair.
struct PlotReadout {
  QString title;
  std::vector<PlotEntry> entries;
  QPointF anchor;  ///< data coordinates where the crosshair snaps to
};

/// What a view needs to draw its data.
struct PlotFrame {
  QRectF rect;  ///< of the data, inside the axes
  Palette colors;
  bool vector = false;  ///< for SVG or PDF: draw paths, one a series
  bool moving = false;  ///< the user drags: quick drawing will do
  bool whole = false;   ///< for a picture: also what is scrolled out of view
};

}  // namespace qs
