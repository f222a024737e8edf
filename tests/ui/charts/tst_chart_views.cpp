// What all views share, and those of one layer: data, signals, mouse and keys.
#include <QPushButton>
#include <QSignalSpy>
#include <QtTest>
#include <algorithm>

#include "plot_gestures.h"
#include "report_builder.h"
#include "ui/charts/all_layers_view.h"
#include "ui/charts/channels_view.h"
#include "ui/charts/curve_view.h"
#include "ui/charts/distribution_view.h"
#include "ui/charts/heatmap_view.h"
#include "ui/charts/histogram_grid_view.h"
#include "ui/charts/tradeoff_view.h"

using namespace qs;
using qs::test::click;
using qs::test::show;
using qs::test::turnWheel;

class TestChartViews : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void zeroBinsKeepBothSeries() {
    auto report = std::make_shared<LayerReport>(*test::buildReport());
    std::fill(report->before.counts.begin() + 10, report->before.counts.end(), 0U);
    std::fill(report->after.counts.begin(), report->after.counts.end() - 10, 0U);
    DistributionView view;
    view.setReport(report);
    QCOMPARE(view.pointCount(0), 512);
    QCOMPARE(view.pointCount(1), 512);
    QCOMPARE(view.pointCount(2), 0);
    view.setComparison(test::buildReport());
    QCOMPARE(view.pointCount(2), 512);
    QCOMPARE(view.yAxis().view.low, 0.5);
    QCOMPARE(std::fmod(std::log10(view.yAxis().view.high), 1.0), 0.0);
  }

  void aNewReportKeepsTheSeriesAndTheZoomOfTheSameLayer() {
    DistributionView view;
    show(view);
    view.setReport(test::buildReport());
    turnWheel(view, view.plotRect().center(), 240);
    QVERIFY(view.xAxis().isZoomed());
    const AxisRange zoomed = view.xAxis().view;
    view.setReport(test::buildReport({.step = 0.05}));
    QCOMPARE(view.xAxis().view, zoomed);
    view.setReport(test::buildReport({.name = "another"}));
    QVERIFY(!view.xAxis().isZoomed());
  }

  void statesSayWhatIsMissing() {
    DistributionView view;
    QCOMPARE(view.state(), PlotState::Empty);
    QVERIFY(!view.stateMessage().isEmpty());
    view.setReport(test::buildFailure("layer"));
    QCOMPARE(view.state(), PlotState::Failed);
    QVERIFY(view.stateMessage().contains("Hessian"));
    view.setReport(test::buildReport());
    QCOMPARE(view.state(), PlotState::Ready);
    view.setBusy("Quantizing");
    QCOMPARE(view.state(), PlotState::Busy);
    view.setIdle();
    QCOMPARE(view.state(), PlotState::Ready);
  }

  void theButtonOfAnEmptyViewAsks() {
    ChannelsView view;
    show(view);
    view.setEmpty("Nothing here", "Do it");
    QSignalSpy spy(&view, &PlotView::actionRequested);
    view.grab();
    auto* button = view.findChild<QPushButton*>();
    QVERIFY(button != nullptr && button->isVisible());
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(spy.count(), 1);
  }

  void wheelDragBoxAndDoubleClick() {
    CurveView view;
    show(view);
    view.setCurves({{"loss", "step", "loss", {0, 1, 2, 3}, {4, 3, 2, 1}}}, "training");
    const QPointF center = view.plotRect().center();
    const QPointF fixed = view.toData(center);
    turnWheel(view, center, 120);
    QVERIFY(view.xAxis().isZoomed());
    QVERIFY(std::abs(view.toData(center).x() - fixed.x()) < 1e-9);
    const double before = view.xAxis().view.low;
    QTest::mousePress(&view, Qt::LeftButton, Qt::NoModifier, center.toPoint());
    QTest::mouseMove(&view, center.toPoint() + QPoint(20, 0));
    QTest::mouseMove(&view, center.toPoint() + QPoint(40, 0));
    QTest::mouseRelease(&view, Qt::LeftButton, Qt::NoModifier, center.toPoint() + QPoint(40, 0));
    QVERIFY(view.xAxis().view.low < before);
    QTest::mouseDClick(&view, Qt::LeftButton, Qt::NoModifier, center.toPoint());
    QVERIFY(!view.xAxis().isZoomed());
    QTest::mousePress(&view, Qt::LeftButton, Qt::ShiftModifier, center.toPoint());
    QTest::mouseMove(&view, center.toPoint() + QPoint(100, 50));
    QTest::mouseRelease(&view, Qt::LeftButton, Qt::ShiftModifier, center.toPoint() + QPoint(100, 50));
    QVERIFY(view.xAxis().isZoomed() && view.yAxis().isZoomed());
  }

  void keysStepTheCrosshairAndZoom() {
    DistributionView view;
    show(view);
    view.setReport(test::buildReport());
    QSignalSpy spy(&view, &PlotView::readoutChanged);
    QTest::keyClick(&view, Qt::Key_Right);
    QTest::keyClick(&view, Qt::Key_Right);
    QCOMPARE(spy.count(), 2);
    QVERIFY(view.readoutText().contains("before"));
    QTest::keyClick(&view, Qt::Key_Plus);
    QVERIFY(view.xAxis().isZoomed());
    QTest::keyClick(&view, Qt::Key_0);
    QVERIFY(!view.xAxis().isZoomed());
    QTest::keyClick(&view, Qt::Key_Escape);
    QVERIFY(!view.crosshair());
    QTest::keyClick(&view, Qt::Key_L);
    QVERIFY(!view.isLogarithmic());
  }

  void channelsAreSortedByMagnitudeAndSelected() {
    ChannelsView view;
    show(view);
    view.setReport(test::buildReport({.outlier = 2.0F, .outlierCol = 17}));
    QCOMPARE(view.pointCount(), std::size_t{320});
    QSignalSpy spy(&view, &ChannelsView::channelSelected);
    click(view, {0.5, 0.5});
    QCOMPARE(spy.count(), 1);
    QCOMPARE(spy.at(0).at(0).toUInt(), 17U);
    view.setSorted(false);
    click(view, {200.5, 0.5});
    QCOMPARE(spy.at(1).at(0).toUInt(), 200U);
    view.highlightChannel(3);
    QCOMPARE(spy.count(), 2);
  }

  void theHeatmapAnswersForExactValues() {
    HeatmapView view;
    show(view);
    view.setPreview(test::buildPreview({.outlier = 3.0F, .outlierRow = 40, .outlierCol = 17}));
    view.setCrosshair(QPointF(17.5, 40.5));
    QVERIFY2(view.readoutText().contains("3.000"), qPrintable(view.readoutText()));
    QSignalSpy spy(&view, &HeatmapView::channelSelected);
    QTest::keyClick(&view, Qt::Key_Return);
    QCOMPARE(spy.count(), 1);
    QCOMPARE(spy.at(0).at(0).toUInt(), 17U);
  }

  void aRasterKeepsTheStrongestValue_data() {
    QTest::addColumn<int>("pixels");
    for (const int pixels : {16, 40, 111, 320, 900}) QTest::addRow("%d pixels wide", pixels) << pixels;
  }
  void aRasterKeepsTheStrongestValue() {
    QFETCH(int, pixels);
    const auto preview = test::buildPreview({.outlier = -3.0F});
    const auto exact = [&](std::size_t row, std::span<float>) { return preview->weights->values.row(row).data(); };
    const RasterSource source{&preview->weights->pyramid, exact};
    const RasterColors colors{Palette::magnitudes().data(), 3.0F, false};
    const QImage image = rasterize(source, colors, {0, 0, 320, 96}, {pixels, std::max(4, pixels / 3)}, pixels == 40);
    int strongest = 0;
    for (int y = 0; y < image.height(); ++y)
      for (int x = 0; x < image.width(); ++x) strongest += image.pixel(x, y) == Palette::magnitudes()[255] ? 1 : 0;
    QVERIFY(strongest > 0);
  }

  void everyViewHasAnAccessibleName() {
    DistributionView distribution;
    ChannelsView channels;
    HeatmapView heatmap;
    AllLayersView layers;
    TradeoffView tradeoff;
    CurveView curves;
    HistogramGridView grid;
    for (const PlotView* view :
         std::initializer_list<PlotView*>{&distribution, &channels, &heatmap, &layers, &tradeoff, &curves, &grid}) {
      QVERIFY(!view->accessibleName().isEmpty());
      QCOMPARE(view->focusPolicy(), Qt::StrongFocus);
      QCOMPARE(view->state(), PlotState::Empty);
    }
  }
};

QTEST_MAIN(TestChartViews)
#include "tst_chart_views.moc"
