#include "core/session/report_cbor.h"

#include "core/session/settings_json.h"

namespace qs {

namespace {

using nlohmann::json;

json optionalToValue(const std::optional<double>& value) { return value ? json(*value) : json(nullptr); }

std::optional<double> optionalFromValue(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

json metricsToValue(const LayerMetrics& metrics) {
  return {{"mse", metrics.weightMse},
          {"sqnr", metrics.weightSqnrDb},
          {"cosine", metrics.weightCosine},
          {"max", metrics.weightMaxAbsError},
          {"relative", metrics.weightRelativeError},
          {"output", optionalToValue(metrics.outputRelativeError)},
          {"held_out", optionalToValue(metrics.heldOutOutputRelativeError)}};
}

LayerMetrics metricsFromValue(const json& value) {
  return {.weightMse = value.at("mse").get<double>(),
          .weightSqnrDb = value.at("sqnr").get<double>(),
          .weightCosine = value.at("cosine").get<double>(),
          .weightMaxAbsError = value.at("max").get<double>(),
          .weightRelativeError = value.at("relative").get<double>(),
          .outputRelativeError = optionalFromValue(value.at("output")),
          .heldOutOutputRelativeError = optionalFromValue(value.at("held_out"))};
}

json histogramToValue(const Histogram& histogram) {
  return {{"low", histogram.low}, {"high", histogram.high}, {"counts", histogram.counts}};
}

Histogram histogramFromValue(const json& value) {
  return {value.at("low").get<double>(), value.at("high").get<double>(),
          value.at("counts").get<std::vector<std::uint64_t>>()};
}

json bandsToValue(const ChannelBands& bands) {
  return {{"channels", bands.channels}, {"first", bands.first},    {"p0", bands.minimum},
          {"p25", bands.lowerQuartile}, {"p50", bands.median},     {"p75", bands.upperQuartile},
          {"p100", bands.maximum},      {"abs_max", bands.absMax}, {"error", bands.error}};
}

ChannelBands bandsFromValue(const json& value) {
  ChannelBands bands;
  bands.channels = value.at("channels").get<std::size_t>();
  bands.first = value.at("first").get<std::vector<std::uint32_t>>();
  const auto floats = [&value](const char* key) { return value.at(key).get<std::vector<float>>(); };
  bands.minimum = floats("p0");
  bands.lowerQuartile = floats("p25");
  bands.median = floats("p50");
  bands.upperQuartile = floats("p75");
  bands.maximum = floats("p100");
  bands.absMax = floats("abs_max");
  bands.error = floats("error");
  return bands;
}

json curvesToValue(const std::vector<MethodCurve>& curves) {
  json list = json::array();
  for (const MethodCurve& curve : curves)
    list.push_back(
        {{"title", curve.title}, {"x_label", curve.xLabel}, {"y_label", curve.yLabel}, {"x", curve.x}, {"y", curve.y}});
  return list;
}

std::vector<MethodCurve> curvesFromValue(const json& list) {
  std::vector<MethodCurve> curves;
  for (const json& value : list)
    curves.push_back({value.at("title").get<std::string>(), value.at("x_label").get<std::string>(),
                      value.at("y_label").get<std::string>(), value.at("x").get<std::vector<double>>(),
                      value.at("y").get<std::vector<double>>()});
  return curves;
}

json outliersToValue(const std::vector<OutlierChannel>& outliers) {
  json list = json::array();
  for (const OutlierChannel& outlier : outliers) list.push_back({outlier.channel, outlier.absMax, outlier.ratio});
  return list;
}

std::vector<OutlierChannel> outliersFromValue(const json& list) {
  std::vector<OutlierChannel> outliers;
  for (const json& value : list)
    outliers.push_back({value.at(0).get<std::uint32_t>(), value.at(1).get<float>(), value.at(2).get<float>()});
  return outliers;
}

}  // namespace

json schemeToValue(const QuantScheme& scheme) {
  return {{"number", static_cast<int>(scheme.number)},
          {"bits", scheme.bits},
          {"symmetric", scheme.symmetric},
          {"range", static_cast<int>(scheme.range)},
          {"group_size", scheme.groupSize},
          {"scale_type", static_cast<int>(scheme.scaleType)},
          {"real_zero", scheme.realZeroPoint},
          {"codebook", scheme.codebookName}};
}

QuantScheme schemeFromValue(const json& value) {
  return {.number = static_cast<NumberFormat>(value.at("number").get<int>()),
          .bits = value.at("bits").get<int>(),
          .symmetric = value.at("symmetric").get<bool>(),
          .range = static_cast<SymmetricRange>(value.at("range").get<int>()),
          .groupSize = value.at("group_size").get<std::int64_t>(),
          .scaleType = static_cast<ScaleType>(value.at("scale_type").get<int>()),
          .realZeroPoint = value.at("real_zero").get<bool>(),
          .codebookName = value.at("codebook").get<std::string>()};
}

json reportToValue(const LayerReport& report) {
  return {{"name", report.name},
          {"shape", report.shape},
          {"method", report.method},
          {"settings", toJson(report.settings)},
          {"scheme", schemeToValue(report.scheme)},
          {"metrics", metricsToValue(report.metrics)},
          {"original_bytes", report.originalBytes},
          {"quantized_bytes", report.quantizedBytes},
          {"bits_per_weight", report.bitsPerWeight},
          {"seconds", report.seconds},
          {"before", histogramToValue(report.before)},
          {"after", histogramToValue(report.after)},
          {"levels", report.levels},
          {"channels", bandsToValue(report.channels)},
          {"group_errors", report.groupErrors},
          {"input_mean_squares", report.inputMeanSquares},
          {"outliers", outliersToValue(report.outliers)},
          {"notes", report.notes},
          {"figures", report.figures},
          {"curves", curvesToValue(report.curves)}};
}

LayerReport reportFromValue(const json& value) {
  LayerReport report;
  report.name = value.at("name").get<std::string>();
  report.shape = value.at("shape").get<Shape>();
  report.method = value.at("method").get<std::string>();
  report.settings = settingsFromJson(value.at("settings"), "stored layer");
  report.scheme = schemeFromValue(value.at("scheme"));
  report.metrics = metricsFromValue(value.at("metrics"));
  report.originalBytes = value.at("original_bytes").get<std::uint64_t>();
  report.quantizedBytes = value.at("quantized_bytes").get<std::uint64_t>();
  report.bitsPerWeight = value.at("bits_per_weight").get<double>();
  report.seconds = value.at("seconds").get<double>();
  report.before = histogramFromValue(value.at("before"));
  report.after = histogramFromValue(value.at("after"));
  report.levels = value.at("levels").get<std::vector<float>>();
  report.channels = bandsFromValue(value.at("channels"));
  report.groupErrors = value.at("group_errors").get<std::vector<float>>();
  report.inputMeanSquares = value.at("input_mean_squares").get<std::vector<float>>();
  report.outliers = outliersFromValue(value.at("outliers"));
  report.notes = value.at("notes").get<std::vector<std::string>>();
  report.figures = value.at("figures").get<std::map<std::string, double>>();
  report.curves = curvesFromValue(value.at("curves"));
  return report;
}

}  // namespace qs
