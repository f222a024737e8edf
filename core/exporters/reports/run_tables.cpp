#include "core/exporters/reports/run_tables.h"

namespace qs {

namespace {

std::string optionalText(const std::optional<double>& value) { return value ? exactText(*value) : std::string(); }

}  // namespace

TextTable comparisonTable(std::span<const RunRow> runs) {
  TextTable table{.header = {"method", "settings", "size_bytes", "bits_per_weight", "mean_weight_relative_error",
                             "mean_output_relative_error", "seconds", "status"}};
  for (const RunRow& run : runs)
    table.rows.push_back({run.method, run.settings, std::to_string(run.sizeBytes), exactText(run.bitsPerWeight),
                          exactText(run.meanWeightRelativeError), optionalText(run.meanOutputRelativeError),
                          exactText(run.seconds), run.status});
  return table;
}

TextTable layerTable(const QuantReport& report) {
  TextTable table{.header = {"layer", "shape", "method", "settings", "bits_per_weight", "weight_mse", "weight_sqnr_db",
                             "weight_cosine", "weight_max_abs_error", "output_relative_error", "seconds", "error"}};
  for (const LayerReportPtr& layer : report.layers) {
    const LayerMetrics& metrics = layer->metrics;
    const bool failed = !layer->error.empty();
    const auto number = [failed](double value) { return failed ? std::string() : exactText(value); };
    table.rows.push_back({layer->name, toText(layer->shape), layer->method, settingsText(layer->settings),
                          number(layer->bitsPerWeight), number(metrics.weightMse), number(metrics.weightSqnrDb),
                          number(metrics.weightCosine), number(metrics.weightMaxAbsError),
                          optionalText(metrics.outputRelativeError), number(layer->seconds), layer->error});
  }
  return table;
}

TextTable histogramTable(const LayerReport& layer) {
  TextTable table{.header = {"bin_low", "bin_high", "before", "after"}};
  const Histogram& before = layer.before;
  for (std::size_t i = 0; i < before.counts.size(); ++i) {
    const double low = before.low + static_cast<double>(i) * before.binWidth();
    const std::string after = i < layer.after.counts.size() ? std::to_string(layer.after.counts[i]) : "";
    table.rows.push_back({exactText(low), exactText(low + before.binWidth()), std::to_string(before.counts[i]), after});
  }
  return table;
}

TextTable channelTable(const ChannelBands& bands) {
  TextTable table{.header = {"channel", "p0", "p25", "p50", "p75", "p100", "abs_max", "rms_error"}};
  for (std::size_t i = 0; i < bands.first.size(); ++i)
    table.rows.push_back(
        {std::to_string(bands.first[i]), exactText(static_cast<double>(bands.minimum[i])),
         exactText(static_cast<double>(bands.lowerQuartile[i])), exactText(static_cast<double>(bands.median[i])),
         exactText(static_cast<double>(bands.upperQuartile[i])), exactText(static_cast<double>(bands.maximum[i])),
         exactText(static_cast<double>(bands.absMax[i])),
         i < bands.error.size() ? exactText(static_cast<double>(bands.error[i])) : std::string()});
  return table;
}

TextTable curveTable(const MethodCurve& curve) {
  TextTable table{.header = {curve.xLabel, curve.yLabel}};
  for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i)
    table.rows.push_back({exactText(curve.x[i]), exactText(curve.y[i])});
  return table;
}

}  // namespace qs
