#pragma once

#include <QWidget>

class QAbstractItemModel;
class QCheckBox;
class QLabel;
class QSortFilterProxyModel;
class QTableView;

namespace qs {

/// The rows of an audit: sortable, faults in their colour, and what was found of the current row written out below.
class AuditTable : public QWidget {
  Q_OBJECT

 public:
  explicit AuditTable(QWidget* parent = nullptr);

  void setModel(QAbstractItemModel* model);
  [[nodiscard]] QTableView* view() const { return m_table; }

 public Q_SLOTS:
  /// Shows only the rows with faults.
  void setFaultsOnly(bool on);

 Q_SIGNALS:
  /// A row was double-clicked, or Enter pressed on it.
  void tensorChosen(const QString& tensor);

 private:
  void showDetails();
  /// Fits the columns to new rows and selects the first with a fault.
  void showRows();

  QSortFilterProxyModel* m_proxy = nullptr;
  QTableView* m_table = nullptr;
  QCheckBox* m_faultsOnly = nullptr;
  QLabel* m_details = nullptr;
};

}  // namespace qs
