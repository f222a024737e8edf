#pragma once

#include <Qt>

namespace qs {

/// Roles that every item model of the window shares, so that views need to know no model.
enum ItemRole : int {
  SortRole = Qt::UserRole,  ///< the raw number or text that a column sorts by
  NameRole,                 ///< full name: tensor, run, or path
  LayerRole,                ///< layer name of a 2-D tensor that can be looked at; empty otherwise
  MissingRole,              ///< true where a file doesn't exist any more
  ShareRole,                ///< 0…1: length of the bar drawn behind the cell; absent = none
  ColorSlotRole,            ///< colour slot of a method
  MarkerRole,               ///< its marker, a number of qs::Marker
  LeftOutRole,              ///< true where a run leaves the tensor as it is: drawn muted
  FailedRole,               ///< true where the item failed; the tooltip says why
  ReferenceRole,            ///< true for the row that others are measured against: it stays on top
};

}  // namespace qs
