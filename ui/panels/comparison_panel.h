#pragma once

#include <QWidget>
#include <functional>

class QAbstractItemModel;
class QLabel;
class QPushButton;
class QSortFilterProxyModel;
class QImage;
class QTableView;

namespace qs {

/// The comparison table: one row a run, sortable by every column; the reference row stays on top.
class ComparisonPanel : public QWidget {
  Q_OBJECT

 public:
  explicit ComparisonPanel(QWidget* parent = nullptr);

  /// A table with the roles of item_roles.h; NameRole is the row's id. Not owned.
  void setModel(QAbstractItemModel* model);
  /// Which rows can be asked for again.
  void setCanRetry(std::function<bool(int id)> canRetry);
  /// The id of the chosen row, or −1.
  [[nodiscard]] int currentId() const;
  /// The chosen rows, or all, as shown, tab-separated with a header.
  [[nodiscard]] QString selectedText() const;
  void setColumnShown(int column, bool shown);
  /// Height at which every row is seen.
  [[nodiscard]] int fullHeight() const;
  /// The table as a picture of its own size, in the light palette.
  [[nodiscard]] QImage picture() const;

 public Q_SLOTS:
  void setCanCompare(bool can);
  /// What the figures were, or will be, measured on.
  void setNote(const QString& text);
  void selectId(int id);

 Q_SIGNALS:
  /// Measure the usual methods, at once.
  void compareRequested();
  /// Measure methods that the person wants to choose.
  void choiceRequested();
  void rowChosen(int id);
  void removeRequested(int id);
  void retryRequested(int id);
  void pinRequested(int id);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void joinTable();
  void updateEmpty();
  void fitColumns();
  void showMenu(const QPoint& position);

  std::function<bool(int)> m_canRetry;
  QTableView* m_table = nullptr;
  QSortFilterProxyModel* m_proxy = nullptr;
  QLabel* m_note = nullptr;
  QPushButton* m_compare = nullptr;
  QPushButton* m_choose = nullptr;
};

}  // namespace qs
