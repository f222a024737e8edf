// How long the window takes from a changed setting to redrawn charts, for layers of a 7B model.
// Usage: window_preview [EDITS]; prints the figures in milliseconds, for each of the views of a layer.
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QTemporaryDir>
#include <algorithm>
#include <cstdio>
#include <span>
#include <vector>

#include "core/io/formats/safetensors_writer.h"
#include "ui/charts/heatmap_view.h"
#include "ui/charts/plot_view.h"
#include "ui/windows/main_window.h"
#include "ui/windows/view_area.h"

namespace {

using View = qs::ViewArea::View;

// Bell-shaped weights with a few outliers.
std::vector<float> weights(std::uint64_t count) {
  std::vector<float> values(count);
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  for (float& value : values) {
    float sum = -2.0F;
    for (int i = 0; i < 4; ++i) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      sum += static_cast<float>(state >> 40U) * 0x1.0p-24F;
    }
    value = state % 100'003 == 0 ? sum : 0.05F * sum;
  }
  return values;
}

std::string writeLayer(const QTemporaryDir& folder, std::uint64_t rows, std::uint64_t cols) {
  const std::string path = folder.filePath(QStringLiteral("layer.safetensors")).toStdString();
  const std::vector<qs::PlannedTensor> plan{{"model.layers.0.mlp.down_proj.weight", qs::DType::F32, {rows, cols}}};
  qs::SafetensorsWriter writer(path, plan, {}, true);
  const std::vector<float> values = weights(rows * cols);
  writer.append(plan.front().name, std::as_bytes(std::span(values)));
  writer.commit();
  return path;
}

void waitForPreview(qs::Workbench& bench) {
  QEventLoop loop;
  QObject::connect(&bench.preview, &qs::PreviewController::previewReady, &loop, &QEventLoop::quit,
                   Qt::QueuedConnection);
  loop.exec();
}

/// From the edit of a setting until the current view has painted the result.
double editAndDraw(qs::MainWindow& window) {
  qs::Workbench& bench = window.workbench();
  qs::QuantRequest request = bench.request.request();
  const bool wasFour = !request.settings.contains("bits") || request.settings.integer("bits") == 4;
  request.settings.set("bits", static_cast<std::int64_t>(wasFour ? 3 : 4));
  QElapsedTimer clock;
  clock.start();
  bench.request.edit(request);
  waitForPreview(bench);
  window.views().currentPlot()->repaint();
  return static_cast<double>(clock.nsecsElapsed()) / 1e6;
}

double repaint(qs::PlotView& plot) {
  QElapsedTimer clock;
  clock.start();
  plot.repaint();
  return static_cast<double>(clock.nsecsElapsed()) / 1e6;
}

/// Repainting the heatmap's other quantities: the error, and the quantized weights.
void measureHeatmap(qs::MainWindow& window) {
  auto* heatmap = qobject_cast<qs::HeatmapView*>(window.views().plot(View::Heatmap));
  for (const auto quantity :
       {qs::HeatmapQuantity::Error, qs::HeatmapQuantity::Quantized, qs::HeatmapQuantity::Weight}) {
    heatmap->setQuantity(quantity);
    std::printf("  heatmap, quantity %d: drawn in %.1f ms\n", static_cast<int>(quantity), repaint(*heatmap));
  }
}

void measure(qs::MainWindow& window, std::uint64_t rows, std::uint64_t cols, int edits) {
  const QTemporaryDir folder;
  window.open(QString::fromStdString(writeLayer(folder, rows, cols)));
  waitForPreview(window.workbench());
  for (const View view : {View::Distribution, View::Channels, View::Heatmap}) {
    window.views().setView(view);
    std::vector<double> times;
    for (int edit = 0; edit < edits; ++edit) times.push_back(editAndDraw(window));
    std::sort(times.begin(), times.end());
    std::printf("%llu x %llu, %-12s: median %.0f, slowest %.0f ms; repainting alone %.1f ms\n",
                static_cast<unsigned long long>(rows), static_cast<unsigned long long>(cols),
                qPrintable(qs::ViewArea::title(view)), times[times.size() / 2], times.back(),
                repaint(*window.views().plot(view)));
  }
  measureHeatmap(window);
}

}  // namespace

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  const int edits = argc > 1 ? std::max(1, QString::fromLocal8Bit(argv[1]).toInt()) : 9;
  const QTemporaryDir store;
  qs::MainWindow window({QCoreApplication::applicationDirPath().toStdString(), store.path().toStdString()});
  window.show();
  measure(window, 4096, 4096, edits);
  measure(window, 4096, 11008, edits);
  return 0;
}
