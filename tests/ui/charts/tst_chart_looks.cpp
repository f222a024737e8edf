// Draws every view in every state and theme, and asks whether what must be seen is there. Pictures are kept where
// QUANTSCOPE_SCREENSHOTS names a folder.
#include <QDir>
#include <QImage>
#include <QtTest>
#include <algorithm>
#include <cmath>

#include "report_builder.h"
#include "ui/charts/all_layers_view.h"
#include "ui/charts/channels_view.h"
#include "ui/charts/curve_view.h"
#include "ui/charts/distribution_view.h"
#include "ui/charts/heatmap_view.h"
#include "ui/charts/histogram_grid_view.h"
#include "ui/charts/tradeoff_view.h"

using namespace qs;
using qs::test::occurs;

namespace {

QImage picture(QWidget& view, const QString& name) {
  const QImage image = view.grab().toImage();
  if (const QString folder = qEnvironmentVariable("QUANTSCOPE_SCREENSHOTS"); !folder.isEmpty()) {
    QDir().mkpath(folder);
    image.save(folder + QLatin1Char('/') + name + QStringLiteral(".png"));
  }
  return image;
}

std::vector<TradeoffPoint> fewPoints() {
  std::vector<TradeoffPoint> points{
      {"a", "RTN 4-bit g128", 1, 3.9e9, 5.92, 0.03}, {"b", "GPTQ 4-bit g128", 4, 3.9e9, 5.63, 0.03, true},
      {"c", "AWQ 4-bit g64", 3, 4.1e9, 5.58, 0.03},  {"e", "INT8 per channel", 6, 6.7e9, 5.51, 0.03},
      {"f", "unquantized", 0, 13.1e9, 5.50, 0.03},   {"g", "SmoothQuant W8A8", 2, 6.7e9, 5.62, 0.03},
      {"h", "Layer QAT", 5, 5.5e9, std::nan(""), 0}};
  for (TradeoffPoint& point : points) point.marker = Palette::marker(point.slot);
  const char* const names[] = {"HQQ g64", "NF4 g64", "MXFP4", "FP8"};
  for (int kind = 0; kind < 4; ++kind)
    points.push_back({.id = names[kind],
                      .name = names[kind],
                      .slot = 7,
                      .sizeBytes = 4.2e9 + 0.8e9 * kind,
                      .value = 5.8 - 0.04 * kind,
                      .marker = Palette::marker(7, kind)});
  return points;
}

MethodCurve lossCurve(const char* title, double scale) {
  MethodCurve curve{title, "exponent α", "output error", {}, {}};
  for (int i = 0; i <= 20; ++i) {
    curve.x.push_back(i / 20.0);
    curve.y.push_back(scale * (0.02 + std::pow(i / 20.0 - 0.55, 2) * 0.08));
  }
  return curve;
}

}  // namespace

class TestChartLooks : public QObject {
  Q_OBJECT
  void themeRows() {
    QTest::addColumn<Theme>("theme");
    QTest::addColumn<QSize>("size");
    QTest::addColumn<QString>("suffix");
    QTest::newRow("light, middle size") << Theme::Light << QSize(820, 430) << "light";
    QTest::newRow("dark, middle size") << Theme::Dark << QSize(820, 430) << "dark";
    QTest::newRow("light, small") << Theme::Light << QSize(430, 240) << "small";
    QTest::newRow("dark, large") << Theme::Dark << QSize(1400, 800) << "large";
  }
  static void prepare(QWidget& view) {
    QFETCH(QSize, size);
    view.resize(size);
  }
  static QString named(const char* name) {
    QFETCH(QString, suffix);
    return QLatin1String(name) + QLatin1Char('-') + suffix;
  }
  static Palette colors() {
    QFETCH(Theme, theme);
    return Palette::of(themePalette(theme));
  }

 private Q_SLOTS:
  void init() {
    QFETCH(Theme, theme);
    applyTheme(theme);
  }

  void distributionShowsBothSeries_data() { themeRows(); }
  void distributionShowsBothSeries() {
    DistributionView view;
    prepare(view);
    view.setReport(test::buildReport(), {"GPTQ", 4});
    view.setComparison(test::buildReport({.step = 0.05}), {"RTN", 1});
    const QImage image = picture(view, named("distribution"));
    QVERIFY(occurs(image, colors().before));
    QVERIFY(occurs(image, colors().method(4), 40));
    QVERIFY(occurs(image, colors().method(1), 40));
    view.setLogarithmic(false);
    QVERIFY(occurs(picture(view, named("distribution-linear")), colors().before));
  }

  void channelsShowBandsAndOutliers_data() { themeRows(); }
  void channelsShowBandsAndOutliers() {
    ChannelsView view;
    prepare(view);
    view.setReport(test::buildReport({.outlier = 0.7F}), {"GPTQ", 4});
    view.highlightChannel(120);
    QVERIFY(occurs(picture(view, named("channels")), colors().warning));
    view.setSorted(false);
    picture(view, named("channels-stored"));
    view.setShowError(true);
    QVERIFY(occurs(picture(view, named("channels-error")), colors().method(4), 40));
  }

  void aSingleOutlierIsVisibleInTheHeatmap_data() { themeRows(); }
  void aSingleOutlierIsVisibleInTheHeatmap() {
    HeatmapView view;
    prepare(view);
    const auto preview = test::buildPreview({.rows = 1024, .cols = 3000, .outlier = 3.0F});
    view.setPreview(preview, {"GPTQ", 4});
    QVERIFY(occurs(picture(view, named("heatmap")).copy(view.plotRect().toRect()), Palette::magnitudes()[255], 2));
    view.setQuantity(HeatmapQuantity::Error);
    view.highlightChannel(500);
    picture(view, named("heatmap-error"));
  }

  void allLayersFlagTheWorst_data() { themeRows(); }
  void allLayersFlagTheWorst() {
    AllLayersView view;
    prepare(view);
    auto reports = test::buildModel(32);
    reports[40] = test::buildFailure(reports[40]->name);
    view.setReports(reports, {"GPTQ", 4});
    view.selectLayer("model.layers.20.mlp.up_proj");
    const QImage image = picture(view, named("layers"));
    QVERIFY(occurs(image, colors().warning, 40));
    QVERIFY(occurs(image, colors().failure, 40));
  }

  void differencesDivergeFromZero_data() { themeRows(); }
  void differencesDivergeFromZero() {
    AllLayersView view;
    prepare(view);
    auto pinned = test::buildModel(4);
    for (std::size_t i = 0; i < pinned.size(); i += 2) pinned[i] = test::withError(*pinned[i], 0.012);
    pinned[9] = test::withError(*pinned[9], 0.05);
    pinned[16] = test::buildFailure(pinned[16]->name);
    view.setReports(test::buildModel(4), {"GPTQ 4-bit", 4});
    view.setPinned(pinned, {"RTN 4-bit", 1});
    view.setDifference(true);
    view.setCrosshair(QPointF(9.5, 0));
    const QImage image = picture(view, named("layers-difference"));
    QVERIFY(occurs(image, QColor::fromRgb(colors().signedErrors()[0])));
    QVERIFY(occurs(image, QColor::fromRgb(colors().signedErrors()[255])));
    QVERIFY(occurs(image, colors().failure, 40));
  }

  void theGridShowsEveryHistogram_data() { themeRows(); }
  void theGridShowsEveryHistogram() {
    HistogramGridView view;
    prepare(view);
    auto reports = test::buildModelWithHistograms(32);
    reports[3] = test::buildFailure(reports[3]->name);
    view.setReports(reports, {"GPTQ 4-bit", 4});
    view.selectLayer("model.layers.0.self_attn.k_proj");
    view.setCrosshair(QPointF(2.5, 0.5));
    const QImage image = picture(view, named("grid"));
    QVERIFY(occurs(image, colors().before));
    QVERIFY(occurs(image, colors().method(4), 60));
    QVERIFY(occurs(image, colors().selection, 40));
    QVERIFY(occurs(image, colors().failure, 40));
    view.setLogarithmic(false);
    view.setSameRange(false);
    picture(view, named("grid-linear"));
  }

  void tradeoffAndCurves_data() { themeRows(); }
  void tradeoffAndCurves() {
    TradeoffView tradeoff;
    prepare(tradeoff);
    tradeoff.setPoints(fewPoints(), "perplexity");
    tradeoff.setBudget(8e9);
    const QImage image = picture(tradeoff, named("tradeoff"));
    for (const int slot : {1, 4, 3, 7, 6, 0, 2}) QVERIFY(occurs(image, colors().method(slot)));
    CurveView curves;
    prepare(curves);
    curves.setCurves({lossCurve("q, k, v", 1), lossCurve("gate, up", 1.7)}, "model.layers.3", {"AWQ", 3});
    QVERIFY(occurs(picture(curves, named("curves")), colors().linear(0), 40));
  }

  void aShownViewFollowsTheTheme_data() { themeRows(); }
  void aShownViewFollowsTheTheme() {
    QFETCH(Theme, theme);
    DistributionView view;
    prepare(view);
    view.setReport(test::buildReport(), {"GPTQ", 4});
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    const Theme other = theme == Theme::Light ? Theme::Dark : Theme::Light;
    applyTheme(other);
    QTRY_COMPARE(view.grab().toImage().pixelColor(3, 3).name(), themePalette(other).color(QPalette::Base).name());
  }

  void statesAndCrosshair_data() { themeRows(); }
  void statesAndCrosshair() {
    DistributionView view;
    prepare(view);
    view.setEmpty("No layer selected. Pick one on the left, or go to the worst one.", "Worst layer");
    picture(view, named("state-empty"));
    view.setFailed(
        "model.layers.2.mlp.down_proj: the Hessian is not positive definite, even with damping 0.1. "
        "Raise the damping or give more calibration text.",
        "Retry");
    QVERIFY(occurs(picture(view, named("state-failed")), colors().failure, 40));
    view.setReport(test::buildReport(), {"GPTQ", 4});
    view.setBusy("Quantizing: 12 of 224 layers, about 2 min", 0.4);
    view.setCrosshair(QPointF(0.05, 10));
    QVERIFY(occurs(picture(view, named("state-busy")), colors().selection));
  }
};

QTEST_MAIN(TestChartLooks)
#include "tst_chart_looks.moc"
