// The views of runs: data, signals, mouse and keys.
#include <QDoubleSpinBox>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "plot_gestures.h"
#include "report_builder.h"
#include "ui/charts/all_layers_view.h"
#include "ui/charts/histogram_grid_view.h"
#include "ui/charts/plot_exporter.h"
#include "ui/charts/tradeoff_view.h"

using namespace qs;
using qs::test::click;
using qs::test::show;
using qs::test::turnWheel;

class TestRunViews : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void layersArriveLive() {
    const auto reports = test::buildModel(4);
    QStringList names;
    for (const auto& report : reports) names += QString::fromStdString(report->name);
    AllLayersView view;
    view.setLayers(names);
    QCOMPARE(view.layerCount(), 28);
    for (int i = 0; i < 10; ++i) view.addReport(reports[static_cast<std::size_t>(i)]);
    QCOMPARE(view.reportCount(), 10);
    QCOMPARE(view.layerCount(), 28);
    view.setReports(reports);
    QCOMPARE(view.reportCount(), 28);
    QCOMPARE(view.worstFirst().first(), QString("model.layers.2.mlp.down_proj"));
    view.setMetric(LayerMetric::Sqnr);
    QCOMPARE(view.worstFirst().first(), QString("model.layers.2.mlp.down_proj"));
  }

  void aLayerIsSelectedByMouseAndKeys() {
    AllLayersView view;
    show(view);
    view.setReports(test::buildModel(4));
    QSignalSpy spy(&view, &AllLayersView::layerSelected);
    click(view, {9.5, 0.1});
    QCOMPARE(spy.at(0).at(0).toString(), QString("model.layers.1.self_attn.v_proj"));
    QTest::keyClick(&view, Qt::Key_Right);
    QTest::keyClick(&view, Qt::Key_Right);
    QTest::keyClick(&view, Qt::Key_Return);
    QCOMPARE(spy.count(), 2);
    QCOMPARE(view.selectedLayer(), spy.at(1).at(0).toString());
    view.selectLayer("model.layers.0.self_attn.q_proj");
    QCOMPARE(spy.count(), 2);
  }

  void theDifferenceOfTwoRunsIsSigned() {
    AllLayersView view;
    auto pinned = test::buildModel(2);
    pinned[3] = test::withError(*pinned[3], 0.05);   // there A is better
    pinned[6] = test::withError(*pinned[6], 0.001);  // and there it is worse
    pinned.erase(pinned.begin() + 9);
    view.setReports(test::buildModel(2), {"GPTQ 4-bit", 4});
    view.setDifference(true);
    QVERIFY(!view.showsDifference());  // there is no B
    QCOMPARE(view.heading(), QString("GPTQ 4-bit  ·  14 layers"));
    view.setPinned(pinned, {"RTN 4-bit", 1});
    QVERIFY(view.showsDifference());
    QCOMPARE(view.heading(), QString("A − B: GPTQ 4-bit − RTN 4-bit  ·  14 layers"));
    QCOMPARE(view.yAxis().title, QString("A − B: weight error (% points)"));
    QCOMPARE(view.yAxis().view.low, -view.yAxis().view.high);
    QCOMPARE(view.worstFirst().first(), QString("model.layers.0.mlp.down_proj"));
    QCOMPARE(view.worstFirst().last(), QString("model.layers.0.self_attn.o_proj"));
    view.setCrosshair(QPointF(3.5, 0));
    QCOMPARE(view.readoutText().replace(QChar(0xa0), ' '),
             QString("model.layers.0.self_attn.o_proj, relative weight error, A: GPTQ 4-bit 1.30 %, "
                     "B: RTN 4-bit 5.00 %, A − B −3.70 % points"));
    view.setCrosshair(QPointF(9.5, 0));
    QVERIFY2(view.readoutText().contains("B: RTN 4-bit not in this run"), qPrintable(view.readoutText()));
    const PlotTable table = view.tableData();
    QCOMPARE(table.headers[3], QString("A − B: relative weight error"));
    QCOMPARE(std::get<double>(table.rows[3][3]), 0.013 - 0.05);
    QVERIFY(std::holds_alternative<std::monostate>(table.rows[9][3]));
    view.setMetric(LayerMetric::Sqnr);
    QCOMPARE(view.worstFirst().first(), QString("model.layers.0.mlp.down_proj"));
    view.setPinned({});
    QCOMPARE(view.heading(), QString("GPTQ 4-bit  ·  14 layers"));
  }

  void withAPinnedRunTheShownOneIsCalledA() {
    AllLayersView view;
    view.setReports(test::buildModel(1), {"GPTQ 4-bit", 4});
    view.setPinned(test::buildModel(1), {"RTN 4-bit", 1});
    QCOMPARE(view.heading(), QString("A: GPTQ 4-bit  ·  7 layers"));
  }

  void theGridHasACellForEveryLayer() {
    HistogramGridView view;
    show(view);
    const auto reports = test::buildModelWithHistograms(32);
    view.setReports(reports, {"GPTQ 4-bit", 4});
    QCOMPARE(view.heading(), QString("GPTQ 4-bit  ·  224 layers"));
    QCOMPARE(view.columnCount(), 7);  // a block in a line
    QVERIFY(view.layersInView().size() < 60);
    const auto* bar = view.findChild<QScrollBar*>();
    QVERIFY(bar->isVisible());
    turnWheel(view, view.plotRect().center(), -120 * 10);
    QCOMPARE(view.layersInView().first(), QString("model.layers.10.self_attn.q_proj"));
    QVERIFY(bar->value() > 0);
    view.setCrosshair(QPointF(1.5, 10.5));
    QVERIFY2(view.readoutText().startsWith("model.layers.10.self_attn.k_proj, relative weight error 1.50"),
             qPrintable(view.readoutText()));
    std::size_t bins = 0;
    for (std::size_t i = 0; i < 256; ++i)
      bins += reports[0]->before.counts[i] + reports[0]->after.counts[i] > 0 ? 1U : 0U;
    QCOMPARE(view.tableData().rows.size(), 224 * bins);
  }

  void cellsOfTheGridAreChosenByMouseAndKeys() {
    HistogramGridView view;
    show(view);
    view.setReports(test::buildModelWithHistograms(32), {"GPTQ 4-bit", 4});
    QSignalSpy selected(&view, &HistogramGridView::layerSelected);
    QSignalSpy opened(&view, &HistogramGridView::layerOpened);
    const QString key = "model.layers.1.self_attn.k_proj";
    QTest::mouseClick(&view, Qt::LeftButton, {}, view.cellOf(key).center().toPoint());
    QCOMPARE(selected.takeFirst().at(0).toString(), key);
    QTest::mouseDClick(&view, Qt::LeftButton, {}, view.cellOf(key).center().toPoint());
    QCOMPARE(opened.takeFirst().at(0).toString(), key);
    selected.clear();
    QTest::keyClick(&view, Qt::Key_Down);
    QCOMPARE(selected.takeFirst().at(0).toString(), QString("model.layers.2.self_attn.k_proj"));
    QTest::keyClick(&view, Qt::Key_Left);
    QCOMPARE(view.selectedLayer(), QString("model.layers.2.self_attn.q_proj"));
    QTest::keyClick(&view, Qt::Key_End);
    QCOMPARE(view.selectedLayer(), QString("model.layers.31.mlp.down_proj"));
    QVERIFY(view.layersInView().contains(view.selectedLayer()));
    QTest::keyClick(&view, Qt::Key_Return);
    QCOMPARE(opened.takeFirst().at(0).toString(), view.selectedLayer());
    selected.clear();
    view.selectLayer("model.layers.0.mlp.up_proj");
    QVERIFY(view.layersInView().contains("model.layers.0.mlp.up_proj"));
    QCOMPARE(selected.count(), 0);
  }

  void thePictureOfAGridHoldsAllCells() {
    HistogramGridView view;
    view.setReports(test::buildModelWithHistograms(32), {"GPTQ 4-bit", 4});
    const QImage image = plotImage(view, {.scale = 1});
    QCOMPARE(image.width(), 960);
    QVERIFY2(image.height() > 2000, qPrintable(QString::number(image.height())));
    const QImage lastRow = image.copy(0, image.height() - 60, image.width(), 50);
    QVERIFY(test::occurs(lastRow, Palette::light().before));
    view.setReports(test::buildModel(600));
    QVERIFY(plotImage(view, {.scale = 1}).height() < 8200);
    const QTemporaryDir folder;
    exportPlot(view, folder.filePath("grid.svg"), {});
  }

  void theLegendStandsInTheOrderOfTheBars() {
    auto reports = test::buildModel(2);
    std::ranges::reverse(reports);
    AllLayersView view;
    view.resize(900, 300);
    view.setReports(reports);
    const QRect legend(0, 0, view.width(), static_cast<int>(view.plotRect().top()));
    const QImage image = view.grab().toImage().copy(legend);
    std::vector<int> swatches;
    for (const int kind : {6, 5, 4, 3, 2, 1, 0}) {
      const QColor color = Palette::of(view.palette()).linear(kind);
      int x = 0;
      while (x < image.width() && !test::occurs(image.copy(x, 0, 1, image.height()), color, 2)) ++x;
      swatches.push_back(x);
    }
    QVERIFY(std::ranges::is_sorted(swatches) && swatches.back() < image.width());
  }

  void anExactLayerIsDrawn() {
    auto exact = std::make_shared<LayerReport>(*test::buildModel(1).front());
    exact->metrics.weightSqnrDb = std::numeric_limits<double>::infinity();
    AllLayersView view;
    view.setReports({exact});
    view.setMetric(LayerMetric::Sqnr);
    view.setCrosshair(QPointF(0.5, 0));
    QVERIFY(view.readoutText().contains("exact"));
    QVERIFY(!view.grab().isNull());
  }

  void theParetoFrontLeavesOutWhatIsDominated() {
    TradeoffView view;
    show(view);
    view.setPoints({{"a", "A", 1, 100, 3.0},
                    {"b", "B", 2, 200, 2.0},
                    {"c", "C", 3, 250, 2.5},
                    {"d", "D", 4, 300, 1.0},
                    {"e", "E", 5, 300, std::nan("")}},
                   "error");
    QStringList front;
    for (const TradeoffPoint& point : view.paretoFront()) front += point.id;
    QCOMPARE(front, QStringList({"a", "b", "d"}));
    QSignalSpy spy(&view, &TradeoffView::pointSelected);
    click(view, {250, 2.5});
    QCOMPARE(spy.at(0).at(0).toString(), QString("c"));
  }

  void theSizeLimitIsTypedAndDragged() {
    TradeoffView view;
    show(view);
    view.setPoints({{"a", "RTN", 1, 3.9e9, 5.92}, {"b", "INT8", 6, 6.7e9, 5.51}}, "perplexity");
    auto* box = view.findChild<QDoubleSpinBox*>();
    QVERIFY(box != nullptr && box->isVisible());
    QCOMPARE(box->text(), QString("No size limit"));
    box->selectAll();
    QTest::keyClicks(box, QLocale().toString(5.5));
    QTest::keyClick(box, Qt::Key_Return);
    QCOMPARE(view.budget(), 5.5e9);
    QVERIFY(box->text().endsWith("GB"));
    view.setCrosshair(QPointF(3.9e9, 5.92));
    QVERIFY2(view.readoutText().contains("fits the size limit"), qPrintable(view.readoutText()));
    view.setCrosshair(QPointF(6.7e9, 5.51));
    QVERIFY2(view.readoutText().contains("above the size limit"), qPrintable(view.readoutText()));
    const QPoint from = view.toWidget({5.5e9, 5.7}).toPoint();
    const QPoint to = view.toWidget({4.5e9, 5.7}).toPoint();
    QTest::mousePress(&view, Qt::LeftButton, Qt::NoModifier, from);
    QMouseEvent move(QEvent::MouseMove, to, view.mapToGlobal(to), Qt::NoButton, Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(&view, &move);
    QTest::mouseRelease(&view, Qt::LeftButton, Qt::NoModifier, to);
    QVERIFY2(std::abs(view.budget() - 4.5e9) < 0.05e9, qPrintable(QString::number(view.budget())));
    QVERIFY(!view.xAxis().isZoomed());
    QVERIFY(std::abs(box->value() - 4.5) < 0.05);
    view.setPoints({{"a", "RTN", 1, 3.9e6, 5.92}, {"b", "INT8", 6, 6.7e6, 5.51}}, "perplexity");
    QVERIFY(box->text().endsWith("MB"));
    QCOMPARE(view.budget() > 4e9, true);  // what was chosen stays
    view.setBudget(0);
    QCOMPARE(box->text(), QString("No size limit"));
  }

  void whatWasNotMeasuredIsNoPointAndIsNamed() {
    TradeoffView view;
    show(view);
    view.setPoints({{"a", "RTN", 1, 100, 3.0}, {"b", "GPTQ", 4, 300, 2.0}, {"c", "HQQ", 7, 600, std::nan("")}},
                   "perplexity");
    QCOMPARE(view.paretoFront().size(), std::size_t{2});
    QVERIFY(view.xAxis().full.high > 600);
    QCOMPARE(view.tableData().rows.size(), std::size_t{3});
    QCOMPARE(std::get<QString>(view.tableData().rows.back().front()), QString("HQQ"));
    QVERIFY(std::holds_alternative<std::monostate>(view.tableData().rows.back()[3]));
    const QImage image = view.grab().toImage();
    const QColor purple = Palette::of(view.palette()).method(7);
    const int column = qRound(view.toWidget({600, 2.0}).x());
    int dots = 0;
    for (int y = 0; y < image.height(); ++y)
      for (int x = column - 2; x <= column + 2; ++x)
        dots += std::abs(image.pixelColor(x, y).blue() - purple.blue()) < 40 &&
                        std::abs(image.pixelColor(x, y).green() - purple.green()) < 60
                    ? 1
                    : 0;
    QVERIFY(dots > 10);
  }
};

QTEST_MAIN(TestRunViews)
#include "tst_run_views.moc"
