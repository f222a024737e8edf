#include "ui/models/tensor_filter_model.h"

#include <algorithm>

#include "ui/support/item_roles.h"

namespace qs {

TensorFilterModel::TensorFilterModel(QObject* parent) : QSortFilterProxyModel(parent) {
  setRecursiveFilteringEnabled(true);
  setSortRole(SortRole);
  setDynamicSortFilter(false);  // errors arrive one by one: sorting again each time costs five times as much
}

void TensorFilterModel::setFilterText(const QString& text) {
  const QStringList words = text.split(QLatin1Char(' '), Qt::SkipEmptyParts);
  if (words == m_words) return;
  m_words = words;
  invalidateFilter();
}

bool TensorFilterModel::filterAcceptsRow(int row, const QModelIndex& parent) const {
  if (m_words.isEmpty()) return true;
  const QModelIndex index = sourceModel()->index(row, 0, parent);
  if (sourceModel()->hasChildren(index)) return false;  // kept by its children alone
  const QString name = index.data(NameRole).toString();
  return std::all_of(m_words.begin(), m_words.end(),
                     [&](const QString& word) { return name.contains(word, Qt::CaseInsensitive); });
}

}  // namespace qs
