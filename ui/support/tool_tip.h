#pragma once

#include <QString>

namespace qs {

/// A tooltip as rich text, so that it wraps: plain text is shown in one line, however long.
[[nodiscard]] QString wrappedToolTip(const QString& text);

}  // namespace qs
