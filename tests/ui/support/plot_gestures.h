#pragma once

#include <QWheelEvent>
#include <QtTest>

#include "ui/charts/plot_view.h"

namespace qs::test {

/// A click at a place of the data.
inline void click(PlotView& view, const QPointF& data) {
  QTest::mouseClick(&view, Qt::LeftButton, Qt::NoModifier, view.toWidget(data).toPoint());
}

/// Shows the view in a usual size, with the focus.
inline void show(PlotView& view) {
  view.resize(800, 420);
  view.show();
  QVERIFY(QTest::qWaitForWindowExposed(&view));
  view.setFocus();
}

inline void turnWheel(PlotView& view, const QPointF& at, int delta) {
  QWheelEvent event(at, view.mapToGlobal(at), {}, {0, delta}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
  QCoreApplication::sendEvent(&view, &event);
}

}  // namespace qs::test
