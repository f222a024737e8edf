#include "ui/windows/session_keeper.h"

#include <QTimer>
#include <chrono>

#include "core/base/error.h"
#include "core/session/atomic_file.h"

namespace qs {
namespace {

constexpr std::chrono::minutes kInterval{1};
constexpr std::uintmax_t kMostBytes = 1'000'000;  ///< more is no session

std::string readSession(const std::filesystem::path& file) {
  if (std::filesystem::file_size(file) > kMostBytes) throw inputError(file.string(), "too large for a session");
  return readWholeFile(file);
}

}  // namespace

SessionKeeper::SessionKeeper(std::filesystem::path file, QObject* parent) : QObject(parent), m_file(std::move(file)) {
  auto* timer = new QTimer(this);
  timer->setObjectName(QStringLiteral("sessionTimer"));
  connect(timer, &QTimer::timeout, this, &SessionKeeper::save);
  timer->start(kInterval);
}

void SessionKeeper::note(const StoredSession& session) { m_session = session; }

void SessionKeeper::read() {
  if (std::error_code none; m_file.empty() || !std::filesystem::exists(m_file, none)) return;
  try {
    m_session = m_written = parseSession(readSession(m_file), m_file.string());
  } catch (const std::exception& error) {
    return setAside(QString::fromUtf8(error.what()));
  }
  Q_EMIT sessionRead();
}

void SessionKeeper::setAside(const QString& reason) {
  std::filesystem::path backup = m_file;
  backup += ".bak";
  std::error_code failed;
  std::filesystem::rename(m_file, backup, failed);
  const QString kept = QString::fromStdString((failed ? m_file : backup).string());
  Q_EMIT message({UserMessage::Severity::Information, tr("The last session can't be continued"), reason,
                  tr("The file was kept: %1").arg(kept)});
}

void SessionKeeper::save() {
  if (!m_keeps || m_file.empty() || !m_session || m_written == m_session) return;
  try {
    std::filesystem::create_directories(m_file.parent_path());
    writeFileAtomically(m_file, toText(*m_session));
    m_written = m_session;
  } catch (const std::exception& error) {
    if (!m_hasFailed)
      Q_EMIT message({UserMessage::Severity::Information,
                      tr("The session is not being kept"),
                      QString::fromUtf8(error.what()),
                      {}});
    m_hasFailed = true;
  }
}

}  // namespace qs
