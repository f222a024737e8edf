#pragma once

#include <QObject>
#include <filesystem>
#include <optional>

#include "ui/support/user_message.h"
#include "ui/windows/stored_session.h"

namespace qs {

/// Keeps the session in a file: written when asked and, where it changed, every minute.
class SessionKeeper : public QObject {
  Q_OBJECT

 public:
  /// An empty path keeps nothing.
  explicit SessionKeeper(std::filesystem::path file, QObject* parent = nullptr);

  /// The last one that was noted or read.
  [[nodiscard]] const std::optional<StoredSession>& session() const { return m_session; }
  void note(const StoredSession& session);
  /// Whether the file is written.
  void setKeeps(bool keeps) { m_keeps = keeps; }
  /// Reads the file, if there is one. One that can't be read is renamed to *.bak, and told.
  void read();

 public Q_SLOTS:
  /// Writes the session unless the file holds it already.
  void save();

 Q_SIGNALS:
  void sessionRead();
  void message(const qs::UserMessage& message);

 private:
  void setAside(const QString& reason);

  std::filesystem::path m_file;
  std::optional<StoredSession> m_session;
  std::optional<StoredSession> m_written;
  bool m_keeps = true;
  bool m_hasFailed = false;  ///< told once
};

}  // namespace qs
