#include "ui/charts/report_text.h"

#include <QCoreApplication>
#include <QFontMetricsF>
#include <QStringList>
#include <array>

#include "ui/charts/layer_metric.h"

namespace qs {
namespace {

struct KindWord {
  const char* word;
  int kind;
};

// Names of the linears in the families that the program runs; fused projections count as their first part.
constexpr std::array<KindWord, 26> kWords{{{"q_proj", 0},
                                           {"k_proj", 1},
                                           {"v_proj", 2},
                                           {"o_proj", 3},
                                           {"out_proj", 3},
                                           {"gate_proj", 4},
                                           {"up_proj", 5},
                                           {"down_proj", 6},
                                           {"gate_up_proj", 4},
                                           {"qkv_proj", 0},
                                           {"c_attn", 0},
                                           {"c_fc", 5},
                                           {"query_key_value", 0},
                                           {"dense", 3},
                                           {"dense_h_to_4h", 5},
                                           {"dense_4h_to_h", 6},
                                           {"fc1", 5},
                                           {"fc2", 6},
                                           {"wq", 0},
                                           {"wk", 1},
                                           {"wv", 2},
                                           {"wo", 3},
                                           {"w1", 4},
                                           {"w3", 5},
                                           {"w2", 6},
                                           {"Wqkv", 0}}};

QString translate(const char* text) { return QCoreApplication::translate("ReportText", text); }

}  // namespace

QString layerHeading(const LayerReport& report, const MethodStyle& style) {
  QString text = QString::fromStdString(report.name);
  if (text.startsWith(QLatin1String("model."))) text.remove(0, 6);  // says nothing, and the line is short
  const QString method = style.name.isEmpty() ? QString::fromStdString(report.method) : style.name;
  if (!method.isEmpty() && !report.after.counts.empty())
    text += QStringLiteral("  ·  ") + method + QStringLiteral(", ") + QString::fromStdString(report.scheme.toText());
  return text;
}

std::vector<PlotEntry> layerEntries(const LayerReportPtr& report, const QFont& font) {
  constexpr double kMostReason = 320;  // pixels
  if (!report) return {{.label = translate("not computed yet")}};
  if (!report->error.empty()) {
    const QString reason = QString::fromStdString(report->error);
    return {
        {.label = translate("failed"), .value = QFontMetricsF(font).elidedText(reason, Qt::ElideRight, kMostReason)}};
  }
  std::vector<PlotEntry> entries;
  for (const LayerMetric metric :
       {LayerMetric::RelativeError, LayerMetric::OutputError, LayerMetric::Sqnr, LayerMetric::Bits})
    entries.push_back({.label = metricLabel(metric), .value = valueText(metric, valueOf(report, metric))});
  return entries;
}

LayerPlace placeOf(const QString& layer) {
  LayerPlace place;
  const QStringList parts = layer.split(QLatin1Char('.'));
  for (const QString& part : parts) {
    bool isNumber = false;
    const int number = part.toInt(&isNumber);
    if (isNumber && place.block < 0) place.block = number;
  }
  const QString& last = parts.last();
  for (const KindWord& word : kWords)
    if (last == QLatin1String(word.word)) place.kind = word.kind;
  if (last == QLatin1String("c_proj")) place.kind = layer.contains(QLatin1String("mlp")) ? 6 : 3;
  return place;
}

QString kindName(int kind) {
  constexpr std::array kNames{"q", "k", "v", "o", "gate", "up", "down"};
  return kind >= 0 && kind < 7 ? QLatin1String(kNames[static_cast<std::size_t>(kind)]) : QStringLiteral("other");
}

}  // namespace qs
