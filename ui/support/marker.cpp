#include "ui/support/marker.h"

#include <QPolygonF>
#include <QTransform>
#include <cmath>

namespace qs {
namespace {

QPainterPath starPath(double r) {
  QPainterPath path;
  for (int i = 0; i < 10; ++i) {
    const double radius = i % 2 == 0 ? r * 1.25 : r * 0.55;
    const double angle = M_PI * (i / 5.0 - 0.5);
    const QPointF point(radius * std::cos(angle), radius * std::sin(angle));
    i == 0 ? path.moveTo(point) : path.lineTo(point);
  }
  path.closeSubpath();
  return path;
}

}  // namespace

QPainterPath markerPath(Marker marker, double r) {
  QPainterPath path;
  const auto polygon = [&path](std::initializer_list<QPointF> points) { path.addPolygon(QPolygonF(points)); };
  switch (marker) {
    case Marker::Circle:
      path.addEllipse(QPointF(0, 0), r, r);
      break;
    case Marker::Square:
      path.addRect(-r * 0.9, -r * 0.9, 1.8 * r, 1.8 * r);
      break;
    case Marker::Diamond:
      polygon({{0, -1.25 * r}, {1.25 * r, 0}, {0, 1.25 * r}, {-1.25 * r, 0}});
      break;
    case Marker::Triangle:
      polygon({{0, -1.15 * r}, {1.1 * r, 0.85 * r}, {-1.1 * r, 0.85 * r}});
      break;
    case Marker::TriangleDown:
      polygon({{0, 1.15 * r}, {1.1 * r, -0.85 * r}, {-1.1 * r, -0.85 * r}});
      break;
    case Marker::Star:
      return starPath(r);
    case Marker::Cross:
    case Marker::Plus: {
      const double a = r * 0.38;
      const double b = r * 1.15;
      polygon(
          {{-a, -b}, {a, -b}, {a, -a}, {b, -a}, {b, a}, {a, a}, {a, b}, {-a, b}, {-a, a}, {-b, a}, {-b, -a}, {-a, -a}});
      if (marker == Marker::Cross) path = QTransform().rotate(45).map(path);
      break;
    }
  }
  path.closeSubpath();
  return path;
}

}  // namespace qs
