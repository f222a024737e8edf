#include "ui/windows/window_docks.h"

#include <QDockWidget>
#include <QMainWindow>
#include <QTabBar>
#include <algorithm>

#include "ui/panels/comparison_panel.h"
#include "ui/panels/inspector_panel.h"
#include "ui/panels/method_form.h"
#include "ui/panels/model_panel.h"
#include "ui/panels/prompt_panel.h"

namespace qs {
namespace {

constexpr int kLeftShare = 23;   ///< per cent of the window's width
constexpr int kLeastLeft = 286;  ///< pixels: the names of a decoder's tensors beside their errors
constexpr int kMostLeft = 420;
constexpr int kRightShare = 24;
constexpr int kBottomShare = 25;  ///< of its height
constexpr int kMethodShare = 56;  ///< of the right side's height

QDockWidget* dock(QMainWindow* window, const QString& title, const QString& name, QWidget* panel) {
  auto* made = new QDockWidget(title, window);
  made->setObjectName(name);
  made->setWidget(panel);
  made->setFeatures(QDockWidget::DockWidgetMovable | QDockWidget::DockWidgetClosable);
  return made;
}

}  // namespace

WindowDocks::WindowDocks(QMainWindow* owner) : window(owner) {
  model = new ModelPanel(window);
  method = new MethodForm(window);
  inspector = new InspectorPanel(window);
  comparison = new ComparisonPanel(window);
  prompt = new PromptPanel(window);
  model->setMinimumWidth(200);
  method->setMinimumHeight(120);
  inspector->setMinimumSize(220, 80);
  modelDock = dock(window, QObject::tr("Model"), QStringLiteral("modelDock"), model);
  methodDock = dock(window, QObject::tr("Method"), QStringLiteral("methodDock"), method);
  inspectorDock = dock(window, QObject::tr("Inspector"), QStringLiteral("inspectorDock"), inspector);
  comparisonDock = dock(window, QObject::tr("Comparison"), QStringLiteral("comparisonDock"), comparison);
  promptDock = dock(window, QObject::tr("Prompt"), QStringLiteral("promptDock"), prompt);
  window->setCorner(Qt::BottomLeftCorner, Qt::BottomDockWidgetArea);
  window->setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
  window->setDockOptions(QMainWindow::AllowNestedDocks | QMainWindow::AllowTabbedDocks);
  resetLayout();
}

void WindowDocks::resetLayout() {
  window->addDockWidget(Qt::LeftDockWidgetArea, modelDock);
  window->addDockWidget(Qt::RightDockWidgetArea, methodDock);
  window->addDockWidget(Qt::RightDockWidgetArea, inspectorDock);
  window->splitDockWidget(methodDock, inspectorDock, Qt::Vertical);
  window->addDockWidget(Qt::BottomDockWidgetArea, comparisonDock);
  window->tabifyDockWidget(comparisonDock, promptDock);
  for (QDockWidget* each : {modelDock, methodDock, inspectorDock, promptDock, comparisonDock}) {
    each->setFloating(false);
    each->show();
  }
  comparisonDock->raise();
  // The tabs of the layout before would lie over the new ones, empty, until Qt needs them again.
  for (QTabBar* tabs : window->findChildren<QTabBar*>(Qt::FindDirectChildrenOnly)) tabs->setVisible(tabs->count() > 0);
  const int left = std::clamp(window->width() * kLeftShare / 100, kLeastLeft, kMostLeft);
  window->resizeDocks({modelDock, methodDock}, {left, window->width() * kRightShare / 100}, Qt::Horizontal);
  window->resizeDocks({methodDock, inspectorDock},
                      {window->height() * kMethodShare / 100, window->height() * (100 - kMethodShare) / 100},
                      Qt::Vertical);
  window->resizeDocks({comparisonDock}, {window->height() * kBottomShare / 100}, Qt::Vertical);
}

}  // namespace qs
