#pragma once

#include <QWidget>

#include "core/base/progress.h"

class QLabel;
class QProgressBar;
class QPushButton;

namespace qs {

/// What the program is doing, permanently at the window's foot: stage, units done, time left, and Cancel.
class ProgressStrip : public QWidget {
  Q_OBJECT

 public:
  explicit ProgressStrip(QWidget* parent = nullptr);

  [[nodiscard]] QString text() const;

 public Q_SLOTS:
  void setProgress(const qs::ProgressSnapshot& progress);
  void setBusy(bool busy);
  /// What stands there while nothing runs.
  void setIdleText(const QString& text);

 Q_SIGNALS:
  void cancelRequested();

 private:
  QLabel* m_text = nullptr;
  QProgressBar* m_bar = nullptr;
  QPushButton* m_cancel = nullptr;
  QString m_idleText;
};

/// "Quantizing: 12 of 224 layers, about 2 min left".
[[nodiscard]] QString progressText(const ProgressSnapshot& progress);

}  // namespace qs
