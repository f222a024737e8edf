#pragma once

#include <QTimer>
#include <QWidget>
#include <functional>

class QLabel;
class QLineEdit;
class QSortFilterProxyModel;
class QTreeView;

namespace qs {

/// The tensors of the model with a filter above them: names, errors, differences of errors, and facts as far as there
/// is room. Gives the name of the one that is chosen.
class ModelPanel : public QWidget {
  Q_OBJECT

 public:
  explicit ModelPanel(QWidget* parent = nullptr);

  /// A proxy over a tree with the roles of item_roles.h; `setFilter` is its slot for the filter's text. Not owned.
  void setModel(QSortFilterProxyModel* proxy, std::function<void(const QString&)> setFilter);
  /// Opens the blocks and fits the first column; call it after another model was put below the proxy.
  void showAll();
  void focusFilter();

 public Q_SLOTS:
  /// Chooses a layer that was chosen elsewhere; gives no signal.
  void selectLayer(const QString& layer);
  /// Shows or hides the column of differences, which stands beside the errors.
  void setDifferenceShown(bool shown);

 Q_SIGNALS:
  /// The tensor that is chosen now; `layer` is empty where it is no matrix. Choosing a block tells nothing.
  void tensorSelected(const QString& tensor, const QString& layer);

 protected:
  /// The name gets the room that a resized tree leaves.
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void fitName();
  void applyFilter();
  void updateCount();
  void tellCurrent();
  [[nodiscard]] QModelIndex findLayer(const QString& layer) const;

  QLineEdit* m_filter = nullptr;
  QTreeView* m_tree = nullptr;
  QLabel* m_noHits = nullptr;  ///< in the tree's place where the filter leaves nothing
  QLabel* m_count = nullptr;
  QSortFilterProxyModel* m_proxy = nullptr;
  std::function<void(const QString&)> m_setFilter;
  QTimer m_filterTimer;
  QString m_layer;
  int m_nameWidth = 0;  ///< that the longest name of the tree needs
  bool m_quiet = false;
};

}  // namespace qs
