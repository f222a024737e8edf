#pragma once

#include <QString>
#include <QStringList>

class QFileDialog;

namespace qs {

/// Lets a file dialog start in the folder that was used last, with a name to save under where one is proposed, and
/// keeps the folder of what is chosen in it. Call it once the dialog's modes are set.
void startInLastFolder(QFileDialog& dialog, const QString& proposedName = {});

/// A file's name made of its parts, with "-" between them and for whatever a name had better not hold; empty and
/// repeated parts are left out.
[[nodiscard]] QString fileNameOf(const QStringList& parts);

}  // namespace qs
