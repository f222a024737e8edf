#pragma once

#include <QWidget>

class QAbstractItemModel;
class QLabel;
class QListView;
class QPushButton;

namespace qs {

/// What stands in the middle while no model is open: go on with the last session, open one, open the demo, drop a file,
/// or take a recent one.
class StartPage : public QWidget {
  Q_OBJECT

 public:
  explicit StartPage(QWidget* parent = nullptr);

  /// Recent files: NameRole is the path, MissingRole greys one out. Not owned.
  void setRecentModel(QAbstractItemModel* model);
  /// Offers to continue; greyed where `whyNot` says why that can't be. `details` is the tooltip.
  void setSession(const QString& text, const QString& details, const QString& whyNot);
  /// Shows that a model is being opened.
  void setBusy(bool busy);

 Q_SIGNALS:
  void continueRequested();
  void openRequested();
  void demoRequested();
  void recentRequested(const QString& path);

 private:
  void updateRecent();

  QPushButton* m_continue = nullptr;
  QLabel* m_whyNot = nullptr;
  QPushButton* m_open = nullptr;
  QPushButton* m_demo = nullptr;
  QLabel* m_dropHint = nullptr;
  QLabel* m_recentTitle = nullptr;
  QListView* m_recent = nullptr;
  bool m_canContinue = false;
};

}  // namespace qs
