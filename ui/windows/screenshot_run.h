#pragma once

#include <QObject>
#include <QSize>
#include <QString>
#include <functional>

#include "ui/support/palette.h"

namespace qs {

class MainWindow;

/// What `quantscope --screenshot` was asked for.
struct ScreenshotOptions {
  QString folder;
  QString model;  ///< path, or "demo"
  QSize size{1280, 800};
  Theme theme = Theme::Light;
};

/// Opens a model, runs RTN over it, and writes each view and the whole window as PNG. Tells how it ended by the exit
/// status: 0, or 1 with one line on standard error.
class ScreenshotRun : public QObject {
  Q_OBJECT

 public:
  ScreenshotRun(MainWindow& window, ScreenshotOptions options);
  void start();

 Q_SIGNALS:
  /// An empty text means that all went well.
  void finished(const QString& error);

 private:
  void continueWhenReady();
  void capture();

  MainWindow& m_window;
  ScreenshotOptions m_options;
  bool m_hasRun = false;
  bool m_isDone = false;
};

}  // namespace qs
