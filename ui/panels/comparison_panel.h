#pragma once

#include <QWidget>

class QAbstractItemModel;
class QLabel;
class QPushButton;
class QSortFilterProxyModel;
class QTableView;

namespace qs {

/// The comparison table: one row a run, sortable by every column.
class ComparisonPanel : public QWidget {
  Q_OBJECT

 public:
  explicit ComparisonPanel(QWidget* parent = nullptr);

  /// A table with the roles of item_roles.h; NameRole is the row's id. Not owned.
  void setModel(QAbstractItemModel* model);
  /// The id of the chosen row, or −1.
  [[nodiscard]] int currentId() const;
  /// The chosen rows, or all, as shown, tab-separated with a header.
  [[nodiscard]] QString selectedText() const;
  void setColumnShown(int column, bool shown);

 public Q_SLOTS:
  void setCanCompare(bool can);
  void selectId(int id);

 Q_SIGNALS:
  void compareRequested();
  void rowChosen(int id);
  void removeRequested(int id);
  void pinRequested(int id);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void updateEmpty();
  void fitColumns();
  void showMenu(const QPoint& position);

  QTableView* m_table = nullptr;
  QSortFilterProxyModel* m_proxy = nullptr;
  QLabel* m_empty = nullptr;
  QPushButton* m_compare = nullptr;
};

}  // namespace qs
