#include "ui/charts/layer_metric.h"

#include <QCoreApplication>

#include "ui/support/number_format.h"

namespace qs {
namespace {

QString translate(const char* text) { return QCoreApplication::translate("LayerMetric", text); }

bool isShare(LayerMetric metric) { return metric == LayerMetric::RelativeError || metric == LayerMetric::OutputError; }

}  // namespace

std::optional<double> valueOf(const LayerReportPtr& report, LayerMetric metric) {
  if (!report || !report->error.empty()) return {};
  switch (metric) {
    case LayerMetric::RelativeError:
      return report->metrics.weightRelativeError;
    case LayerMetric::OutputError:
      return report->metrics.outputRelativeError;
    case LayerMetric::Sqnr:
      return report->metrics.weightSqnrDb;
    case LayerMetric::MeanSquaredError:
      return report->metrics.weightMse;
    case LayerMetric::Bits:
      return report->bitsPerWeight;
  }
  return {};
}

QString metricName(LayerMetric metric) {
  switch (metric) {
    case LayerMetric::RelativeError:
      return translate("relative weight error");
    case LayerMetric::OutputError:
      return translate("relative output error");
    case LayerMetric::Sqnr:
      return translate("SQNR (dB)");
    case LayerMetric::MeanSquaredError:
      return translate("mean squared error");
    case LayerMetric::Bits:
      return translate("bits per weight");
  }
  return {};
}

QString metricLabel(LayerMetric metric) { return metric == LayerMetric::Sqnr ? translate("SQNR") : metricName(metric); }

QString metricTitle(LayerMetric metric) {
  if (metric == LayerMetric::RelativeError) return translate("weight error (%)");
  if (metric == LayerMetric::OutputError) return translate("output error (%)");
  return metricName(metric);
}

QString differenceTitle(LayerMetric metric) {
  if (metric == LayerMetric::RelativeError) return translate("A − B: weight error (% points)");
  if (metric == LayerMetric::OutputError) return translate("A − B: output error (% points)");
  return translate("A − B: %1").arg(metricName(metric));
}

double axisScale(LayerMetric metric) { return isShare(metric) ? 100 : 1; }

int preference(LayerMetric metric) { return metric == LayerMetric::Sqnr ? 1 : -1; }

QString valueText(LayerMetric metric, const std::optional<double>& value) {
  if (!value) return number::notMeasured();
  if (isShare(metric)) return number::percent(*value);
  if (metric == LayerMetric::Sqnr) return number::decibels(*value);
  return metric == LayerMetric::Bits ? number::bits(*value) : number::significant(*value);
}

QString differenceText(LayerMetric metric, double difference) {
  const QString text = number::difference(axisScale(metric) * difference);
  if (isShare(metric)) return translate("%1 % points").arg(text);
  return metric == LayerMetric::Sqnr ? translate("%1 dB").arg(text) : text;
}

}  // namespace qs
