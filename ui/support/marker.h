#pragma once

#include <QPainterPath>
#include <cstdint>

namespace qs {

/// Shape of a method's points, beside its colour.
enum class Marker : std::uint8_t { Circle, Square, Diamond, Triangle, TriangleDown, Cross, Plus, Star };

inline constexpr int kMarkers = 8;

/// The outline of a marker around (0, 0) that looks as large as a circle of `radius`; it reaches up to 1.25 times as
/// far.
[[nodiscard]] QPainterPath markerPath(Marker marker, double radius);

}  // namespace qs
