#pragma once

#include <QString>

#include "ui/support/palette.h"

class QPalette;

namespace qs {

/// Puts the theme on the application: palette, and what the style sheet adds to Fusion (spacing, dividers, headings).
void applyAppearance(Theme theme);

/// The style sheet for a palette: colours are taken from it alone.
[[nodiscard]] QString styleSheetFor(const QPalette& palette);

}  // namespace qs
