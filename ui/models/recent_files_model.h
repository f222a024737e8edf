#pragma once

#include <QAbstractListModel>
#include <QStringList>

namespace qs {

/// The models opened last, newest first, at most 10. Files that are gone stay, marked with MissingRole.
class RecentFilesModel : public QAbstractListModel {
  Q_OBJECT

 public:
  static constexpr int kMaximum = 10;

  using QAbstractListModel::QAbstractListModel;

  void setPaths(const QStringList& paths);
  [[nodiscard]] const QStringList& paths() const { return m_paths; }
  void add(const QString& path);
  void removeMissing();

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;

 Q_SIGNALS:
  void pathsChanged(const QStringList& paths);

 private:
  QStringList m_paths;
};

}  // namespace qs
