#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/printable.h"
#include "core/base/parallel.h"
#include "core/exporters/reports/text_table.h"
#include "core/session/channel_bands.h"
#include "core/session/demo_model.h"
#include "core/session/layer_filter.h"
#include "core/session/linear_weights.h"
#include "core/stats/weight_stats.h"

namespace qs::cli {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kOutlierChannels = 10;

struct InspectOptions {
  CommonOptions common;
  std::string model;
  std::string layer;
};

struct LayerStatistics {
  Shape shape;
  WeightDescription description;
  std::vector<OutlierChannel> outliers;
};

ordered_json tensorJson(const TensorInfo& tensor) {
  ordered_json json{{"name", layerName(tensor.name)},
                    {"tensor", tensor.name},
                    {"shape", tensor.shape},
                    {"dtype", name(tensor.dtype)},
                    {"parameters", tensor.elements},
                    {"bytes", tensor.bytes},
                    {"quantizable", tensorRole(tensor) == TensorRole::Linear}};
  if (!tensor.storedScheme.empty()) json["stored_scheme"] = tensor.storedScheme;
  return json;
}

std::uint64_t sumOf(const Checkpoint& model, std::uint64_t TensorInfo::*member) {
  std::uint64_t sum = 0;
  for (const CheckpointTensor& tensor : model.tensors()) sum += tensor.info.*member;
  return sum;
}

ordered_json modelJson(const std::string& path, const Checkpoint& model) {
  ordered_json layers = ordered_json::array();
  for (const CheckpointTensor& tensor : model.tensors()) layers.push_back(tensorJson(tensor.info));
  return {{"model", path},
          {"format", model.format()},
          {"layers", std::move(layers)},
          {"total", {{"parameters", sumOf(model, &TensorInfo::elements)}, {"bytes", sumOf(model, &TensorInfo::bytes)}}},
          {"metadata", model.contents().metadata},
          {"warnings", model.contents().warnings}};
}

std::string shapeText(const Shape& shape) {
  std::string text;
  for (const std::uint64_t dimension : shape) text += (text.empty() ? "" : "x") + std::to_string(dimension);
  return text.empty() ? "scalar" : text;
}

void printModel(const Checkpoint& model) {
  TextTable table{.header = {"layer", "shape", "dtype", "parameters", "bytes", "quantizable"}};
  for (const CheckpointTensor& tensor : model.tensors()) {
    const TensorInfo& info = tensor.info;
    table.rows.push_back({printable(layerName(info.name)), shapeText(info.shape),
                          info.storedScheme.empty() ? std::string(name(info.dtype)) : printable(info.storedScheme),
                          std::to_string(info.elements), std::to_string(info.bytes),
                          tensorRole(info) == TensorRole::Linear ? "yes" : "no"});
  }
  std::cout << table.toPlainText() << "\n"
            << model.tensors().size() << " tensors, " << sumOf(model, &TensorInfo::elements) << " parameters, "
            << sumOf(model, &TensorInfo::bytes) << " bytes (" << model.format() << ")\n";
  for (const auto& [key, value] : model.contents().metadata)
    std::cout << printable(key) << ": " << printable(value) << "\n";
}

LayerStatistics statisticsOf(const Checkpoint& model, const std::string& layer, const RunContext& context) {
  const CheckpointTensor& tensor = requireLayer(model, layer);
  LayerStatistics statistics{.shape = linearShape(model, tensor.info)};
  inWorkerArena(context, [&] {
    const Matrix weights = loadLinear(model, tensor, context);
    statistics.description = describeWeights(weights.view(), context);
    statistics.outliers = outlierChannels(statistics.description.channels.absMax, kOutlierChannels, 0.0F);
  });
  return statistics;
}

ordered_json layerJson(const std::string& layer, const LayerStatistics& statistics) {
  const Moments& moments = statistics.description.moments;
  const Histogram& histogram = statistics.description.histogram;
  ordered_json channels = ordered_json::array();
  for (const OutlierChannel& outlier : statistics.outliers)
    channels.push_back({{"channel", outlier.channel}, {"abs_max", outlier.absMax}, {"ratio_to_median", outlier.ratio}});
  return {{"name", layer},
          {"shape", statistics.shape},
          {"min", moments.minimum},
          {"max", moments.maximum},
          {"mean", moments.mean()},
          {"std", moments.standardDeviation()},
          {"abs_max", moments.absMax()},
          {"kurtosis", moments.kurtosis()},
          {"histogram", {{"low", histogram.low}, {"high", histogram.high}, {"counts", histogram.counts}}},
          {"outlier_channels", std::move(channels)}};
}

void printLayer(const std::string& layer, const LayerStatistics& statistics) {
  const Moments& moments = statistics.description.moments;
  const auto number = [](double value) { return roundedText(value, 6); };
  std::cout << printable(layer) << " " << shapeText(statistics.shape) << "\n  min "
            << number(static_cast<double>(moments.minimum)) << ", max " << number(static_cast<double>(moments.maximum))
            << ", mean " << number(moments.mean()) << ", std " << number(moments.standardDeviation()) << ", abs-max "
            << number(static_cast<double>(moments.absMax())) << ", kurtosis " << number(moments.kurtosis())
            << "\n  channels with the largest outliers (abs-max, times the median channel's):\n";
  for (const OutlierChannel& outlier : statistics.outliers)
    std::cout << "    " << outlier.channel << "  " << number(static_cast<double>(outlier.absMax)) << "  "
              << roundedText(static_cast<double>(outlier.ratio), 3) << "\n";
}

void inspect(const InspectOptions& options, const Environment& environment) {
  const std::shared_ptr<const Checkpoint> model = openModel(options.model, environment.executableFolder);
  if (options.layer.empty()) {
    if (options.common.json)
      printJson(modelJson(options.model, *model).dump(2));
    else
      printModel(*model);
    return;
  }
  const LayerStatistics statistics = statisticsOf(*model, options.layer, contextOf(environment, options.common));
  if (options.common.json)
    printJson(layerJson(options.layer, statistics).dump(2));
  else
    printLayer(options.layer, statistics);
}

}  // namespace

void addInspectCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("inspect", "List a model's layers, or one layer's statistics");
  const auto options = std::make_shared<InspectOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("MODEL", options->model, "Model folder or file, or \"demo\"")->required();
  command->add_option("--layer", options->layer, "Layer whose statistics to show");
  command->callback(
      [&action, options] { action = [options](const Environment& environment) { inspect(*options, environment); }; });
}

}  // namespace qs::cli
