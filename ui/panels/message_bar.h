#pragma once

#include <QFrame>

#include "ui/support/user_message.h"

class QLabel;
class QPlainTextEdit;
class QToolButton;

namespace qs {

/// Says in the window what went wrong, why and what to do, with the whole text under "Details" and on the clipboard.
/// Never blocks: it stays until it is closed, the next message replaces it or its job starts again.
class MessageBar : public QFrame {
  Q_OBJECT

 public:
  explicit MessageBar(QWidget* parent = nullptr);

  [[nodiscard]] const UserMessage& message() const { return m_message; }

 public Q_SLOTS:
  void showMessage(const qs::UserMessage& message);
  void dismiss();
  /// Takes a message about such a job away, and no other.
  void dismissAbout(qs::UserMessage::About about);

 private:
  void showDetails(bool shown);

  UserMessage m_message;
  QLabel* m_text = nullptr;
  QPlainTextEdit* m_details = nullptr;
  QToolButton* m_detailsButton = nullptr;
};

}  // namespace qs
