// How late the window's event loop is while a run uses every core, and how soon a cancel takes effect.
// Usage: window_latency MODEL [SECONDS]; prints the figures in milliseconds.
#include <QApplication>
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTimer>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "ui/windows/main_window.h"

namespace {

constexpr int kTick = 5;  ///< ms

struct Lateness {
  QElapsedTimer clock;
  std::vector<double> milliseconds;

  void tick() {
    if (clock.isValid()) milliseconds.push_back(std::max(0.0, static_cast<double>(clock.nsecsElapsed()) / 1e6 - kTick));
    clock.start();
  }
  [[nodiscard]] double quantile(double part) {
    if (milliseconds.empty()) return 0;
    std::sort(milliseconds.begin(), milliseconds.end());
    return milliseconds[static_cast<std::size_t>(part * static_cast<double>(milliseconds.size() - 1))];
  }
};

/// Starts run after run, each with other settings, so that none comes from the store.
void startNext(qs::Workbench& bench, int& runs) {
  qs::QuantRequest request = bench.request.request();
  request.settings.set("bits", static_cast<std::int64_t>(2 + runs % 7));
  request.settings.set("group_size", static_cast<std::int64_t>(32 + runs / 7));
  ++runs;
  bench.run.start(bench.model.model(), request);
}

}  // namespace

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  if (argc < 2) return 2;
  const int seconds = argc > 2 ? QString::fromLocal8Bit(argv[2]).toInt() : 5;
  const QTemporaryDir store;
  qs::MainWindow window({QCoreApplication::applicationDirPath().toStdString(), store.path().toStdString()});
  window.show();
  qs::Workbench& bench = window.workbench();
  Lateness lateness;
  QTimer timer;
  timer.setTimerType(Qt::PreciseTimer);
  timer.setInterval(kTick);
  QObject::connect(&timer, &QTimer::timeout, [&] { lateness.tick(); });
  int runs = 0;
  bool ending = false;
  QElapsedTimer cancelled;
  QObject::connect(&bench.model, &qs::ModelController::modelChanged, [&] {
    startNext(bench, runs);
    timer.start();
    QTimer::singleShot(seconds * 1000, [&] {
      timer.stop();
      ending = true;
      cancelled.start();
      bench.run.cancel();
    });
  });
  QObject::connect(&bench.run, &qs::RunController::busyChanged, [&](bool busy) {
    if (busy) return;
    if (!ending) return startNext(bench, runs);
    std::printf("runs %d, ticks %zu, lateness ms: p50 %.1f, p99 %.1f, max %.1f; cancel after %lld ms\n", runs,
                lateness.milliseconds.size(), lateness.quantile(0.5), lateness.quantile(0.99), lateness.quantile(1.0),
                static_cast<long long>(cancelled.elapsed()));
    QCoreApplication::quit();
  });
  QMetaObject::invokeMethod(
      &window, [&] { window.open(QString::fromLocal8Bit(argv[1])); }, Qt::QueuedConnection);
  return QApplication::exec();
}
