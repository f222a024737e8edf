#include "ui/windows/pin_links.h"

#include "ui/panels/inspector_panel.h"
#include "ui/panels/model_panel.h"
#include "ui/windows/main_window.h"
#include "ui/windows/run_description.h"
#include "ui/windows/view_area.h"

namespace qs {
namespace {

/// Beside the preview of the selected layer.
void showPinnedLayer(MainWindow& window) {
  Workbench& bench = window.workbench();
  const FinishedRunPtr pinned = bench.finishedRun(bench.pinnedId());
  const LayerReportPtr report = bench.pinnedReport(bench.preview.layer());
  const QuantRequest& form = bench.request.request();
  window.views().setPinned(report, pinned ? runStyles(form, pinned->request).second : MethodStyle{});
  window.docks().inspector->setPinned(report);
}

/// Beside the run that is shown, where that is another.
void showPinnedRun(MainWindow& window) {
  Workbench& bench = window.workbench();
  const FinishedRunPtr shown = bench.shownRun();
  const FinishedRunPtr pinned = bench.finishedRun(bench.pinnedId());
  const bool areTwo = shown && pinned && shown != pinned;
  if (areTwo) {
    const auto [a, b] = runStyles(shown->request, pinned->request);
    window.views().setRunStyle(a);
    window.views().setPinnedRun(pinned->report->layers, b);
  } else {
    if (shown) window.views().setRunStyle(runStyle(shown->request));
    window.views().setPinnedRun({}, {});
  }
  const QAction* difference = window.actions().difference;
  window.actions().difference->setEnabled(areTwo);
  const bool isShown = areTwo && difference->isChecked();
  window.views().setDifference(isShown);
  bench.tree.setPinnedReports(areTwo ? pinned->report->layers : std::vector<LayerReportPtr>());
  window.docks().model->setDifferenceShown(isShown);
}

}  // namespace

void linkPinned(MainWindow& window) {
  Workbench& bench = window.workbench();
  const auto showLayer = [&window] { showPinnedLayer(window); };
  const auto showRun = [&window] { showPinnedRun(window); };
  QObject::connect(&bench.preview, &PreviewController::previewReady, &window, showLayer);
  QObject::connect(&bench, &Workbench::pinChanged, &window, showLayer);
  QObject::connect(&bench, &Workbench::pinChanged, &window, showRun);
  QObject::connect(&bench, &Workbench::runShown, &window, showRun);
  QObject::connect(&bench, &Workbench::rowsChanged, &window, showRun);
  QAction* difference = window.actions().difference;
  QObject::connect(difference, &QAction::toggled, &window, showRun);
  for (const ViewArea::View view : ViewArea::allViews()) window.views().plot(view)->addAction(difference);
  showPinnedRun(window);
}

}  // namespace qs
