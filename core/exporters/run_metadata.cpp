#include "core/exporters/run_metadata.h"

#include "core/session/settings_json.h"

namespace qs {

std::map<std::string, std::string> runMetadata(const ExportSource& source) {
  const QuantReport& report = source.report;
  nlohmann::json layers = nlohmann::json::object();
  for (const LayerReportPtr& layer : report.layers) {
    if (!layer->error.empty() || (layer->method == report.method && layer->settings == report.settings)) continue;
    layers[layer->name] = {{"method", layer->method}, {"settings", toJson(layer->settings)}};
  }
  std::map<std::string, std::string> metadata{{"format", "pt"},
                                              {"producer", "QuantScope"},
                                              {"method", report.method},
                                              {"settings", toJson(report.settings).dump()}};
  if (!layers.empty()) metadata["layer_settings"] = layers.dump();
  return metadata;
}

std::string inputScaleSuffix(const QuantizedTensor& tensor) {
  return tensor.inputScaleKind == InputScaleKind::Awq ? "awq_scale" : "smooth_scale";
}

}  // namespace qs
