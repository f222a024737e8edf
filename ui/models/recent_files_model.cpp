#include "ui/models/recent_files_model.h"

#include <QDir>
#include <QFileInfo>
#include <algorithm>

#include "ui/support/item_roles.h"

namespace qs {

void RecentFilesModel::setPaths(const QStringList& paths) {
  beginResetModel();
  m_paths = paths.mid(0, kMaximum);
  endResetModel();
  Q_EMIT pathsChanged(m_paths);
}

void RecentFilesModel::add(const QString& path) {
  QStringList paths = m_paths;
  paths.removeAll(path);
  paths.prepend(path);
  setPaths(paths);
}

void RecentFilesModel::removeMissing() {
  QStringList paths;
  std::copy_if(m_paths.begin(), m_paths.end(), std::back_inserter(paths),
               [](const QString& path) { return QFileInfo::exists(path); });
  setPaths(paths);
}

int RecentFilesModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_paths.size());
}

QVariant RecentFilesModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const QString& path = m_paths[index.row()];
  switch (role) {
    case Qt::DisplayRole:
      return QFileInfo(path).fileName();
    case NameRole:
    case Qt::ToolTipRole:
      return QDir::toNativeSeparators(path);
    case MissingRole:
      return !QFileInfo::exists(path);
    default:
      return {};
  }
}

}  // namespace qs
