// What the views give away: tables, CSV and pictures.
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"
#include "report_builder.h"
#include "ui/charts/all_layers_view.h"
#include "ui/charts/channels_view.h"
#include "ui/charts/distribution_view.h"
#include "ui/charts/heatmap_view.h"
#include "ui/charts/plot_exporter.h"

using namespace qs;

class TestPlotExporter : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void tablesHaveFullRows() {
    DistributionView distribution;
    distribution.setReport(test::buildReport());
    QCOMPARE(distribution.tableData().rows.size(), std::size_t{256});
    ChannelsView channels;
    channels.setReport(test::buildReport());
    AllLayersView layers;
    layers.setReports(test::buildModel(2));
    HeatmapView heatmap;
    heatmap.setPreview(test::buildPreview({.rows = 8, .cols = 12}));
    QCOMPARE(heatmap.tableData().rows.size(), std::size_t{96});
    for (const PlotView* view : {static_cast<PlotView*>(&distribution), static_cast<PlotView*>(&channels),
                                 static_cast<PlotView*>(&layers), static_cast<PlotView*>(&heatmap)})
      for (const auto& row : view->tableData().rows)
        QCOMPARE(static_cast<qsizetype>(row.size()), view->tableData().headers.size());
  }

  void csvIsQuotedAndFull() {
    const PlotTable table{"t", {"a, b", "c"}, {{QString("say \"x\""), 0.1}, {{}, 1.0 / 3}}};
    QCOMPARE(toCsv(table), QString("\"a, b\",c\n\"say \"\"x\"\"\",0.1\n,0.3333333333333333\n"));
    QCOMPARE(toCsv({"t", {"a"}, {{QString("two\rlines")}}}), QString("a\n\"two\rlines\"\n"));
  }

  void plotsAreExported_data() {
    QTest::addColumn<QString>("ending");
    QTest::addColumn<QByteArray>("start");
    QTest::newRow("PNG") << "png" << QByteArray("\x89PNG");
    QTest::newRow("SVG") << "svg" << QByteArray("<?xml");
    QTest::newRow("PDF") << "pdf" << QByteArray("%PDF");
  }
  void plotsAreExported() {
    QFETCH(QString, ending);
    QFETCH(QByteArray, start);
    DistributionView view;
    view.setReport(test::buildReport(), {"GPTQ", 4});
    const QTemporaryDir folder;
    const QString path = folder.filePath("plot." + ending);
    exportPlot(view, path, {.caption = "demo-tiny, GPTQ 4-bit"});
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray bytes = file.readAll();
    QVERIFY(bytes.startsWith(start));
    if (ending != "svg") return;
    QVERIFY(bytes.contains("<text") && bytes.contains("demo-tiny"));
    QVERIFY2(bytes.count("<path") + bytes.count("<polyline") < 120, "one path a series");
  }

  void aPngKeepsItsScaleAndTheLightColours() {
    DistributionView view;
    view.setReport(test::buildReport());
    const QImage image = plotImage(view, {.size = {400, 300}, .scale = 3});
    QCOMPARE(image.size(), QSize(1200, 900));
    QCOMPARE(image.pixelColor(2, 2), QColor(Qt::white));
  }

  void anImpossiblePathThrows() {
    DistributionView view;
    view.setReport(test::buildReport());
    QVERIFY_EXCEPTION_THROWN(exportPlot(view, "/nonexistent/plot.png", {}), Error);
    QVERIFY_EXCEPTION_THROWN(exportPlot(view, "plot.bmp", {}), Error);
    QVERIFY_EXCEPTION_THROWN(exportPlotData(view, "/nonexistent/plot.csv"), Error);
  }
};

QTEST_MAIN(TestPlotExporter)
#include "tst_plot_exporter.moc"
