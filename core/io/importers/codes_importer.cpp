#include "core/io/importers/codes_importer.h"

#include <algorithm>
#include <bit>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/importers/packed_layer_source.h"

namespace qs {

namespace {

constexpr int kDefaultBits = 8;
constexpr std::int64_t kMxGroup = 32;

// What the metadata say of a layer beyond its tensors.
struct CodeSettings {
  int bits = kDefaultBits;
  std::int64_t groupSize = kPerChannel;
  std::optional<ActivationScheme> dynamicInputs;
};

// What methods whose inputs get their scale at run time leave to their settings.
std::optional<ActivationScheme> dynamicInputsOf(const std::string& method, const nlohmann::json& settings) {
  if (!settings.is_object()) return std::nullopt;
  const auto found = settings.find("activation");
  const std::string activation = found != settings.end() && found->is_string() ? found->get<std::string>() : "";
  if (method == "int8-dynamic") {
    const bool perToken = activation != "per-tensor";
    return ActivationScheme{.perToken = perToken, .symmetric = perToken};
  }
  const auto flag = settings.find("quantize_inputs");
  const bool isAsked = flag != settings.end() && flag->is_boolean() && flag->get<bool>();
  if (isAsked || (method == "smoothquant" && activation != "static")) return ActivationScheme{};
  return std::nullopt;
}

nlohmann::json parsed(const Checkpoint::Contents& contents, const char* key) {
  const auto found = contents.metadata.find(key);
  return found == contents.metadata.end() ? nlohmann::json() : nlohmann::json::parse(found->second, nullptr, false);
}

CodeSettings settingsOf(const std::string& layer, const Checkpoint::Contents& contents, const nlohmann::json& common,
                        const nlohmann::json& layers) {
  CodeSettings settings;
  const auto take = [&settings](const nlohmann::json& method, const nlohmann::json& from) {
    if (method == "mxfp4") settings.groupSize = kMxGroup;  // always, so its settings don't say it
    if (method.is_string()) settings.dynamicInputs = dynamicInputsOf(method.get<std::string>(), from);
    if (!from.is_object()) return;
    const auto bits = from.find("bits");
    if (bits != from.end() && bits->is_number_integer() && *bits >= 1 && *bits <= 8) settings.bits = bits->get<int>();
    const auto group = from.find("group_size");
    if (group != from.end() && group->is_number_integer()) settings.groupSize = group->get<std::int64_t>();
  };
  const auto method = contents.metadata.find("method");
  take(method == contents.metadata.end() ? "" : method->second, common);
  if (layers.is_object() && layers.contains(layer) && layers[layer].is_object())
    take(layers[layer].value("method", nlohmann::json()), layers[layer].value("settings", nlohmann::json()));
  return settings;
}

// The group size that the scales' shape [rows, groups] means; the settings decide where it leaves a choice.
std::int64_t groupSizeOf(const Shape& scales, std::size_t rows, std::size_t cols, const CodeSettings& settings,
                         const std::string& subject) {
  if (scales == Shape{1, 1} && rows != 1) return kPerTensor;
  if (scales.size() != 2 || scales[0] != rows || scales[1] == 0 || scales[1] > cols)
    throw mismatchError(subject, "scales", "[" + std::to_string(rows) + ", groups]", toText(scales));
  if (scales[1] == 1) return kPerChannel;
  const QuantScheme scheme{.groupSize = settings.groupSize};
  if (settings.groupSize > 0 && scheme.groupsPerRow(cols) == scales[1]) return settings.groupSize;
  if (cols % scales[1] != 0)
    throw mismatchError(subject, "scales", "as many groups as the settings' group_size makes", toText(scales));
  return static_cast<std::int64_t>(cols / scales[1]);
}

void readIndex(const PackedTensors& parts, QuantizedTensor& tensor, const std::string& subject) {
  if (findPart(parts, "g_idx") == nullptr) return;
  tensor.groupIndex = valuesOf<std::int32_t>(requirePart(parts, "g_idx", DType::I32, {tensor.cols}, subject));
  const auto groups = static_cast<std::int64_t>(tensor.scheme.groupsPerRow(tensor.cols));
  for (const std::int32_t group : tensor.groupIndex)
    if (group < 0 || group >= groups)
      throw mismatchError(subject, "g_idx", "0 to " + std::to_string(groups - 1), std::to_string(group));
}

void readCodebook(const PackedTensors& parts, QuantizedTensor& tensor, const std::string& subject) {
  const PackedTensor* part = findPart(parts, "codebook");
  if (part == nullptr) return;
  tensor.codebook = floatsOf(*part, subject);
  tensor.scheme.number = NumberFormat::Codebook;
  if (std::ranges::any_of(tensor.codes, [&](std::uint8_t code) { return code >= tensor.codebook.size(); }))
    throw inputError(subject, "codes: a code is beyond the codebook");
}

void readZeroPoints(const PackedTensors& parts, const Shape& scales, QuantizedTensor& tensor,
                    const std::string& subject) {
  const PackedTensor* part = findPart(parts, "zero_points");
  if (part == nullptr) return;
  tensor.scheme.realZeroPoint = part->dtype == DType::F32;
  const PackedTensor& checked =
      requirePart(parts, "zero_points", part->dtype == DType::F32 ? DType::F32 : DType::U8, scales, subject);
  if (tensor.scheme.realZeroPoint) {
    tensor.zeroPoints = floatsOf(checked, subject);
    return;
  }
  const std::vector<std::uint8_t> whole = valuesOf<std::uint8_t>(checked);
  tensor.zeroPoints.assign(whole.begin(), whole.end());
}

QuantizedTensor unpackCodes(const PackedTensors& parts, const CodeSettings& settings, const std::string& subject) {
  const PackedTensor* codes = findPart(parts, "codes");
  const PackedTensor* scales = findPart(parts, "scales");
  if (scales == nullptr) throw inputError(subject, "the tensor .scales is missing");
  QuantizedTensor tensor{.rows = codes->shape[0], .cols = codes->shape[1]};
  const std::span<const std::uint8_t> stored = valuesIn<std::uint8_t>(*codes);
  tensor.codes.assign(stored.begin(), stored.end());
  tensor.scheme = {.bits = settings.bits,
                   .symmetric = codes->dtype == DType::I8,
                   .groupSize = groupSizeOf(scales->shape, tensor.rows, tensor.cols, settings, subject)};
  tensor.scales = floatsOf(*scales, subject);
  readZeroPoints(parts, scales->shape, tensor, subject);
  readCodebook(parts, tensor, subject);
  readIndex(parts, tensor, subject);
  for (const char* suffix : {"smooth_scale", "awq_scale"})
    if (findPart(parts, suffix) != nullptr)
      tensor.inputScale = floatsOf(requirePart(parts, suffix, DType::F32, {tensor.cols}, subject), subject);
  return tensor;
}

}  // namespace

bool isStoredCodes(const Checkpoint::Contents& contents) {
  const auto producer = contents.metadata.find("producer");
  return producer != contents.metadata.end() && producer->second == "QuantScope" &&
         std::ranges::any_of(contents.tensors, [](const auto& tensor) { return tensor.info.name.ends_with(".codes"); });
}

void importStoredCodes(Checkpoint::Contents& contents) {
  const nlohmann::json common = parsed(contents, "settings");
  const nlohmann::json layers = parsed(contents, "layer_settings");
  for (LayerParts& parts : takeLayers(contents.tensors, "codes",
                                      {"codes", "scales", "zero_points", "codebook", "g_idx", "smooth_scale",
                                       "awq_scale", "input_scale", "input_zero_point"})) {
    const TensorInfo& codes = parts.find("codes")->info;
    const std::string subject = parts.file() + ": " + parts.layer;
    if (codes.shape.size() != 2 || (codes.dtype != DType::U8 && codes.dtype != DType::I8))
      throw mismatchError(subject, "codes", "U8 or I8 with 2 dimensions", toText(codes.shape));
    CodeSettings settings = settingsOf(parts.layer, contents, common, layers);
    if (const CheckpointTensor* codebook = parts.find("codebook"))
      settings.bits = std::clamp<int>(std::bit_width(std::max<std::uint64_t>(codebook->info.elements, 2) - 1), 1, 8);
    Shape shape = codes.shape;
    std::optional<ActivationScheme> inputs = settings.dynamicInputs;
    if (parts.find("input_scale") != nullptr)
      inputs =
          ActivationScheme{.perToken = false, .isStatic = true, .symmetric = parts.find("input_zero_point") == nullptr};
    const std::string scheme = "codes of " + std::to_string(settings.bits) + " bits";
    contents.tensors.push_back(packedLayerTensor(
        std::move(parts), std::move(shape), DType::F32, scheme,
        [settings, subject](const PackedTensors& packed) { return unpackCodes(packed, settings, subject); }, inputs));
  }
}

}  // namespace qs
