#pragma once

#include <QString>

namespace qs {

/// A tooltip that wraps: a long text becomes rich text, as plain text is shown in one line, however long.
[[nodiscard]] QString wrappedToolTip(const QString& text);

}  // namespace qs
