#include "ui/support/tool_tip.h"

#include <QTextDocument>

namespace qs {

QString wrappedToolTip(const QString& text) {
  constexpr qsizetype kMostOnOneLine = 64;
  const bool isShort = text.size() <= kMostOnOneLine && !text.contains(QLatin1Char('\n'));
  if (isShort && !Qt::mightBeRichText(text)) return text;
  return QStringLiteral("<p>%1</p>").arg(text.toHtmlEscaped().replace(QLatin1Char('\n'), QLatin1String("<br/>")));
}

}  // namespace qs
