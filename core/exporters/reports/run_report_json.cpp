#include "core/exporters/reports/run_report_json.h"

#include "core/session/settings_json.h"

namespace qs {

namespace {

using nlohmann::ordered_json;

ordered_json optionalNumber(const std::optional<double>& value) {
  return value ? ordered_json(finiteOrNull(*value)) : ordered_json(nullptr);
}

ordered_json histogramJson(const LayerReport& layer) {
  return {{"low", layer.before.low},
          {"high", layer.before.high},
          {"before", layer.before.counts},
          {"after", layer.after.counts}};
}

ordered_json curvesJson(const std::vector<MethodCurve>& curves) {
  ordered_json list = ordered_json::array();
  for (const MethodCurve& curve : curves)
    list.push_back(
        {{"title", curve.title}, {"x_label", curve.xLabel}, {"y_label", curve.yLabel}, {"x", curve.x}, {"y", curve.y}});
  return list;
}

ordered_json figuresJson(const std::map<std::string, double>& figures) {
  ordered_json object = ordered_json::object();
  for (const auto& [key, value] : figures) object[key] = finiteOrNull(value);
  return object;
}

ordered_json failedLayerJson(const LayerReport& layer) {
  return {{"name", layer.name},
          {"shape", layer.shape},
          {"method", layer.method},
          {"settings", toJson(layer.settings)},
          {"error", layer.error}};
}

ordered_json layerJson(const LayerReport& layer) {
  if (!layer.error.empty()) return failedLayerJson(layer);
  const LayerMetrics& metrics = layer.metrics;
  ordered_json json{{"name", layer.name},
                    {"shape", layer.shape},
                    {"method", layer.method},
                    {"settings", toJson(layer.settings)},
                    {"bits_per_weight", layer.bitsPerWeight},
                    {"weight_mse", metrics.weightMse},
                    {"weight_sqnr_db", finiteOrNull(metrics.weightSqnrDb)},
                    {"weight_cosine", metrics.weightCosine},
                    {"weight_max_abs_error", metrics.weightMaxAbsError},
                    {"weight_relative_error", finiteOrNull(metrics.weightRelativeError)},
                    {"output_relative_error", optionalNumber(metrics.outputRelativeError)}};
  if (metrics.heldOutOutputRelativeError)
    json["held_out_output_relative_error"] = optionalNumber(metrics.heldOutOutputRelativeError);
  json["seconds"] = layer.seconds;
  json["original_bytes"] = layer.originalBytes;
  json["quantized_bytes"] = layer.quantizedBytes;
  json["stored"] = layer.stored;
  json["error"] = nullptr;
  json["notes"] = layer.notes;
  json["figures"] = figuresJson(layer.figures);
  json["histogram"] = histogramJson(layer);
  json["curves"] = curvesJson(layer.curves);
  return json;
}

ordered_json totalJson(const ReportTotal& total) {
  return {{"parameters", total.parameters},
          {"original_bytes", total.originalBytes},
          {"quantized_bytes", total.quantizedBytes},
          {"bits_per_weight", total.bitsPerWeight},
          {"mean_weight_relative_error", finiteOrNull(total.meanWeightRelativeError)},
          {"mean_output_relative_error", optionalNumber(total.meanOutputRelativeError)},
          {"seconds", total.seconds},
          {"failed_layers", total.failedLayers}};
}

}  // namespace

ordered_json runReportJson(const QuantReport& report) {
  ordered_json layers = ordered_json::array();
  for (const LayerReportPtr& layer : report.layers) layers.push_back(layerJson(*layer));
  return {{"model", report.model},
          {"method", report.method},
          {"settings", toJson(report.settings)},
          {"layers", std::move(layers)},
          {"total", totalJson(report.total)}};
}

std::string settingsText(const Settings& settings) {
  std::string text;
  for (const auto& [key, value] : settings.values()) text += (text.empty() ? "" : " ") + key + "=" + toText(value);
  return text;
}

}  // namespace qs
