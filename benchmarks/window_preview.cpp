// How soon the window shows a changed setting: from the edit to redrawn charts, for one layer of a model.
// Usage: window_preview MODEL LAYER [EDITS]; prints the median in milliseconds as JSON.
#include <QApplication>
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTimer>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "ui/windows/main_window.h"

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  if (argc < 3) return 2;
  const QString layer = QString::fromLocal8Bit(argv[2]);
  const int edits = argc > 3 ? QString::fromLocal8Bit(argv[3]).toInt() : 15;
  const QTemporaryDir store;
  qs::MainWindow window({QCoreApplication::applicationDirPath().toStdString(), store.path().toStdString()});
  window.show();
  qs::Workbench& bench = window.workbench();
  QElapsedTimer clock;
  std::vector<double> milliseconds;
  int edit = -1;  // the first preview of a layer also loads it
  const auto change = [&] {
    clock.start();
    qs::QuantRequest request = bench.request.request();
    request.settings.set("bits", static_cast<std::int64_t>(edit % 2 == 0 ? 3 : 4));
    bench.preview.setRequest(request);
  };
  // Queued behind the repaints that the new report asks for.
  const auto shown = [&] {
    if (edit >= 0) milliseconds.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
    if (++edit < edits) return change();
    std::sort(milliseconds.begin(), milliseconds.end());
    std::printf("{\"edits\": %d, \"median_ms\": %.1f, \"best_ms\": %.1f, \"worst_ms\": %.1f}\n", edits,
                milliseconds[milliseconds.size() / 2], milliseconds.front(), milliseconds.back());
    QCoreApplication::quit();
  };
  QObject::connect(&bench.preview, &qs::PreviewController::previewReady, &window,
                   [&] { QTimer::singleShot(0, &window, shown); });
  QObject::connect(&bench.preview, &qs::PreviewController::previewFailed, [&](const qs::UserMessage&) {
    std::fprintf(stderr, "the preview failed\n");
    QCoreApplication::exit(1);
  });
  QObject::connect(&bench.model, &qs::ModelController::modelChanged, [&] { bench.preview.setLayer(layer); });
  QMetaObject::invokeMethod(
      &window, [&] { window.open(QString::fromLocal8Bit(argv[1])); }, Qt::QueuedConnection);
  return QApplication::exec();
}
