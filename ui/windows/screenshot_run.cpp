#include "ui/windows/screenshot_run.h"

#include <QDir>
#include <QTimer>

#include "ui/panels/message_bar.h"
#include "ui/windows/main_window.h"
#include "ui/windows/view_area.h"

namespace qs {
namespace {

constexpr int kSettleMs = 200;  ///< the docks take the room that the progress leaves

}  // namespace

ScreenshotRun::ScreenshotRun(MainWindow& window, ScreenshotOptions options)
    : QObject(&window), m_window(window), m_options(std::move(options)) {
  m_window.setKeepsSettings(false);
  Workbench& bench = m_window.workbench();
  connect(&bench.model, &ModelController::modelChanged, this, [&bench, &views = m_window.views()] {
    if (bench.tensor().isEmpty()) Q_EMIT views.nextLayerRequested();
    bench.startRun();
  });
  connect(&bench.run, &RunController::finished, this, [this] {
    m_hasRun = true;
    continueWhenReady();
  });
  connect(&bench.preview, &PreviewController::busyChanged, this, &ScreenshotRun::continueWhenReady,
          Qt::QueuedConnection);
  connect(&bench, &Workbench::message, this, [this](const UserMessage& message) {
    if (message.severity != UserMessage::Severity::Error || m_isDone) return;
    m_isDone = true;
    Q_EMIT finished(message.why.isEmpty() ? message.what : message.why);
  });
}

void ScreenshotRun::start() {
  m_window.setTheme(m_options.theme);
  m_window.resize(m_options.size);
  m_window.show();
  m_window.docks().resetLayout();
  m_window.open(m_options.model);
}

void ScreenshotRun::continueWhenReady() {
  const bool isReady = m_hasRun && !m_window.workbench().preview.isBusy();
  if (!isReady || m_isDone) return;
  m_isDone = true;
  QTimer::singleShot(kSettleMs, this, &ScreenshotRun::capture);
}

void ScreenshotRun::capture() {
  QDir().mkpath(m_options.folder);
  const QDir folder(m_options.folder);
  const auto save = [&folder](QWidget& widget, const QString& name) {
    const QString path = folder.filePath(name + QStringLiteral(".png"));
    return widget.grab().save(path) ? QString() : tr("%1: the picture could not be written").arg(path);
  };
  QString error;
  for (const ViewArea::View view : ViewArea::allViews()) {
    m_window.views().setView(view);
    error = save(*m_window.views().plot(view), ViewArea::fileName(view));
    if (error.isEmpty()) error = save(m_window, QStringLiteral("window-") + ViewArea::fileName(view));
    if (!error.isEmpty()) break;
  }
  m_window.views().setView(ViewArea::View::Distribution);
  if (error.isEmpty()) error = save(m_window, QStringLiteral("window"));
  Q_EMIT finished(error);
}

}  // namespace qs
