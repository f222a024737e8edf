#pragma once

#include <QSortFilterProxyModel>
#include <QStringList>

namespace qs {

/// Filters the model tree: a tensor stays where its full name holds every word of the filter, in any case; a block
/// stays with its tensors. Sorts by the raw values.
class TensorFilterModel : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  explicit TensorFilterModel(QObject* parent = nullptr);

 public Q_SLOTS:
  void setFilterText(const QString& text);

 protected:
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

 private:
  QStringList m_words;
};

}  // namespace qs
