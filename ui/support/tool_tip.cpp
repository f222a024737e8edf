#include "ui/support/tool_tip.h"

namespace qs {

QString wrappedToolTip(const QString& text) {
  if (text.isEmpty()) return {};
  return QStringLiteral("<p>%1</p>").arg(text.toHtmlEscaped().replace(QLatin1Char('\n'), QLatin1String("<br/>")));
}

}  // namespace qs
