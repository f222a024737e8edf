#include "ui/support/file_dialogs.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QRegularExpression>
#include <QSettings>

namespace qs {
namespace {

QString key() { return QStringLiteral("lastFolder"); }

}  // namespace

void startInLastFolder(QFileDialog& dialog, const QString& proposedName) {
  const QString folder = QSettings().value(key()).toString();
  if (!folder.isEmpty() && QFileInfo(folder).isDir()) dialog.setDirectory(folder);
  if (!proposedName.isEmpty()) dialog.selectFile(proposedName);
  QObject::connect(&dialog, &QFileDialog::fileSelected, &dialog,
                   [](const QString& path) { QSettings().setValue(key(), QFileInfo(path).absolutePath()); });
}

QString fileNameOf(const QStringList& parts) {
  static const QRegularExpression unsafe(QStringLiteral("[^\\w.]+"), QRegularExpression::UseUnicodePropertiesOption);
  QStringList names;
  for (QString part : parts) {
    part.replace(unsafe, QStringLiteral("-"));
    while (part.startsWith(QLatin1Char('-')) || part.startsWith(QLatin1Char('.'))) part.remove(0, 1);
    while (part.endsWith(QLatin1Char('-'))) part.chop(1);
    if (!part.isEmpty() && !names.contains(part)) names << part;
  }
  return names.join(QLatin1Char('-'));
}

}  // namespace qs
