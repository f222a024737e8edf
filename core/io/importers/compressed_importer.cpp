#include <regex>

#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/importers/packed_layer_source.h"
#include "core/io/layouts/compressed_layout.h"

namespace qs {

namespace {

// One entry of config_groups.
struct Group {
  std::vector<std::string> targets;
  CompressedScheme scheme;
};

CompressedForm formOf(const std::string& format, const std::string& type, const std::string& subject) {
  if (format == "pack-quantized") return CompressedForm::Packed;
  if (format == "int-quantized") return CompressedForm::Int;
  if (format == "float-quantized") return CompressedForm::Float;
  if (format == "naive-quantized") return type == "float" ? CompressedForm::Float : CompressedForm::Int;
  throw mismatchError(subject, "format", "pack-quantized, int-quantized or float-quantized", format);
}

std::int64_t groupSizeOf(const QuantizationConfig& weights) {
  const std::string strategy = weights.text("strategy").value_or("tensor");
  if (strategy == "tensor") return kPerTensor;
  if (strategy == "channel") return kPerChannel;
  if (strategy != "group") throw mismatchError(weights.subject(), "strategy", "tensor, channel or group", strategy);
  const std::int64_t size = weights.requireInteger("group_size");
  if (size <= 0) throw mismatchError(weights.subject(), "group_size", "a positive number", std::to_string(size));
  return size;
}

Group parseGroup(const nlohmann::json& json, const std::string& format, const std::string& subject) {
  if (!json.is_object() || !json.contains("weights") || !json["weights"].is_object())
    throw mismatchError(subject, "weights", "an object", "none");
  const QuantizationConfig own(json, subject);
  const QuantizationConfig weights(json["weights"], subject + ": weights");
  Group group;
  const std::string groupFormat = own.text("format").value_or(format);
  group.scheme.form = formOf(groupFormat, weights.text("type").value_or("int"), subject);
  group.scheme.bits = static_cast<int>(weights.requireInteger("num_bits"));
  if (group.scheme.bits < 2 || group.scheme.bits > 8)
    throw mismatchError(weights.subject(), "num_bits", "2 to 8", std::to_string(group.scheme.bits));
  group.scheme.symmetric = weights.flag("symmetric").value_or(true);
  group.scheme.groupSize = groupSizeOf(weights);
  if (json.contains("targets") && json["targets"].is_array())
    for (const nlohmann::json& target : json["targets"])
      if (target.is_string()) group.targets.push_back(target.get<std::string>());
  return group;
}

// An exact module name, a class name, or "re:" and a regular expression matched from the start.
bool matches(const std::string& target, const std::string& layer, const std::string& subject) {
  if (target == "Linear" || target == layer) return true;
  if (!target.starts_with("re:")) return false;
  try {
    return std::regex_search(layer, std::regex(target.substr(3)), std::regex_constants::match_continuous);
  } catch (const std::regex_error&) {
    throw inputError(subject, "targets: \"" + target + "\" is no regular expression");
  }
}

const CompressedScheme& schemeFor(const std::string& layer, const std::vector<Group>& groups,
                                  const std::string& subject) {
  for (const Group& group : groups)
    for (const std::string& target : group.targets)
      if (matches(target, layer, subject)) return group.scheme;
  throw inputError(subject, "config_groups: no group targets the packed layer \"" + layer + "\"");
}

Shape packedShape(const LayerParts& parts) {
  const CheckpointTensor* shape = parts.find("weight_shape");
  const std::string subject = parts.file() + ": " + parts.layer;
  if (shape == nullptr || shape->info.elements != 2) throw inputError(subject, "weight_shape: expected two sizes");
  std::vector<float> sizes(2);
  shape->source->read(0, sizes);
  if (!(sizes[0] >= 1 && sizes[1] >= 1 && sizes[0] < 16777216.0F && sizes[1] < 16777216.0F))
    throw inputError(subject, "weight_shape: sizes must be between 1 and 2^24");
  return {static_cast<std::uint64_t>(sizes[0]), static_cast<std::uint64_t>(sizes[1])};
}

void importLayers(std::vector<LayerParts> layers, const std::vector<Group>& groups, const QuantizationConfig& config,
                  Checkpoint::Contents& contents) {
  for (LayerParts& parts : layers) {
    const CompressedScheme scheme = schemeFor(parts.layer, groups, config.subject());
    const std::string subject = parts.file() + ": " + parts.layer;
    const CheckpointTensor* plain = parts.find("weight");
    Shape shape = plain != nullptr ? plain->info.shape : packedShape(parts);
    if (shape.size() != 2) throw mismatchError(subject, "weight", "2 dimensions", toText(shape));
    const QuantScheme general{.bits = scheme.bits, .symmetric = scheme.symmetric, .groupSize = scheme.groupSize};
    const CheckpointTensor* scale = parts.find("weight_scale");
    const DType dtype = scale != nullptr ? scale->info.dtype : DType::F16;
    const std::string text =
        "compressed-tensors " + (scheme.form == CompressedForm::Float ? std::string("FP8 (E4M3)") : general.toText());
    contents.tensors.push_back(packedLayerTensor(
        std::move(parts), std::move(shape), dtype, text,
        [scheme, subject](const PackedTensors& packed) { return unpackCompressed(packed, scheme, subject); }));
  }
}

}  // namespace

void importCompressedTensors(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const auto groupsJson = config.json().find("config_groups");
  if (groupsJson == config.json().end() || !groupsJson->is_object())
    throw mismatchError(config.subject(), "config_groups", "an object", "none");
  const std::string format = config.text("format").value_or("");
  std::vector<Group> groups;
  for (const auto& [name, json] : groupsJson->items())
    groups.push_back(parseGroup(json, format, config.subject() + ": " + name));
  importLayers(takeLayers(contents.tensors, "weight_packed",
                          {"weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx"}),
               groups, config, contents);
  importLayers(
      takeLayers(contents.tensors, "weight_scale", {"weight", "weight_scale", "weight_zero_point", "input_scale"}),
      groups, config, contents);
}

}  // namespace qs
