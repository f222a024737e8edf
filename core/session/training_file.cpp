#include "core/session/training_file.h"

#include <cstring>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/session/atomic_file.h"
#include "core/session/hash64.h"
#include "core/session/layer_file.h"

namespace qs {

namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "QSTRAIN2";

json floatsToValue(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return json::binary(std::move(bytes));
}

std::vector<float> floatsFromValue(const json& value) {
  const auto& bytes = value.get_binary();
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

json tensorsToValue(const TrainedTensors& tensors) {
  json layers = json::object();
  for (const auto& [name, tensor] : tensors.layers) {
    const std::string bytes = encodeLayer({.name = name}, tensor);
    layers[name] = json::binary(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
  }
  json vectors = json::object();
  for (const auto& [name, values] : tensors.vectors) vectors[name] = floatsToValue(values);
  return {{"layers", std::move(layers)}, {"vectors", std::move(vectors)}};
}

std::optional<TrainedTensors> tensorsFromValue(const json& value) {
  TrainedTensors tensors;
  for (const auto& [name, layer] : value.at("layers").items()) {
    const auto& bytes = layer.get_binary();
    auto tensor = decodeLayerTensor({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (!tensor) return std::nullopt;
    tensors.layers.emplace(name, std::move(*tensor));
  }
  for (const auto& [name, values] : value.at("vectors").items()) tensors.vectors.emplace(name, floatsFromValue(values));
  return tensors;
}

}  // namespace

std::string encodeTraining(const TrainingState& state, std::size_t block) {
  json parameters = json::array();
  for (const std::vector<float>& part : state.parameters) parameters.push_back(floatsToValue(part));
  const json value = {{"block", block},
                      {"step", state.step},
                      {"best_step", state.bestStep},
                      {"best_loss", state.bestLoss},
                      {"seconds", state.seconds},
                      {"end", static_cast<int>(state.end)},
                      {"steps", state.curves.step},
                      {"losses", state.curves.loss},
                      {"validation_steps", state.curves.validationStep},
                      {"validation_losses", state.curves.validationLoss},
                      {"best", tensorsToValue(state.best)},
                      {"parameters", std::move(parameters)}};
  std::string file(kMagic);
  json::to_cbor(value, file);
  Hash64 hash;
  hash.add(std::string_view(file));
  const std::uint64_t sum = hash.value();
  file.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  return file;
}

std::optional<StoredTraining> decodeTraining(std::string_view bytes) {
  std::uint64_t sum = 0;
  if (bytes.size() < kMagic.size() + sizeof(sum) || !bytes.starts_with(kMagic)) return std::nullopt;
  std::memcpy(&sum, bytes.data() + bytes.size() - sizeof(sum), sizeof(sum));
  bytes.remove_suffix(sizeof(sum));
  Hash64 hash;
  hash.add(bytes);
  if (hash.value() != sum) return std::nullopt;
  try {
    const json value = json::from_cbor(bytes.substr(kMagic.size()));
    StoredTraining stored;
    stored.block = value.at("block");
    stored.state.step = value.at("step");
    stored.state.bestStep = value.at("best_step");
    stored.state.bestLoss = value.at("best_loss");
    stored.state.seconds = value.at("seconds");
    stored.state.end = static_cast<TrainingEnd>(value.at("end").get<int>());
    stored.state.curves = {value.at("steps"), value.at("losses"), value.at("validation_steps"),
                           value.at("validation_losses")};
    auto best = tensorsFromValue(value.at("best"));
    if (!best) return std::nullopt;
    stored.state.best = std::move(*best);
    for (const json& part : value.at("parameters")) stored.state.parameters.push_back(floatsFromValue(part));
    return stored;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::optional<StoredTraining> loadTraining(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  try {
    return decodeTraining(readWholeFile(file));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace qs
