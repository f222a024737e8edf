#include <algorithm>
#include <array>
#include <optional>

#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/importers/name_pattern.h"
#include "core/io/importers/packed_layer_source.h"
#include "core/io/layouts/block_scaled_layout.h"
#include "core/io/layouts/compressed_layout.h"

namespace qs {

namespace {

using Block = std::array<std::uint64_t, 2>;  // rows, columns

// A target of a group: an exact module name, a class name, or "re:" and a regular expression.
class Target {
 public:
  Target(const std::string& text, const std::string& subject) : m_text(text) {
    if (text.starts_with("re:")) m_pattern.emplace(std::string_view(text).substr(3), subject + ": targets");
  }
  [[nodiscard]] bool matches(const std::string& layer) const {
    return m_pattern ? m_pattern->matches(layer) : m_text == "Linear" || m_text == layer;
  }

 private:
  std::string m_text;
  std::optional<NamePattern> m_pattern;
};

// One entry of config_groups. A format of its own, or blocks, say how its layers are stored where the scheme can't.
struct Group {
  std::vector<Target> targets;
  CompressedScheme scheme;
  std::optional<BlockScaledForm> blockScaled;
  std::optional<Block> block;
  std::optional<ActivationScheme> inputs;
};

std::optional<BlockScaledForm> blockScaledForm(const std::string& format) {
  if (format == "nvfp4-pack-quantized") return BlockScaledForm::Nvfp4;
  if (format == "mxfp4-pack-quantized") return BlockScaledForm::Mxfp4;
  if (format == "mxfp8-quantized") return BlockScaledForm::Mxfp8;
  return std::nullopt;
}

CompressedForm formOf(const std::string& format, const std::string& type, const std::string& subject) {
  if (format == "pack-quantized") return CompressedForm::Packed;
  if (format == "int-quantized") return CompressedForm::Int;
  if (format == "float-quantized") return CompressedForm::Float;
  if (format == "naive-quantized") return type == "float" ? CompressedForm::Float : CompressedForm::Int;
  throw mismatchError(
      subject, "format",
      "pack-, int-, float-, naive-, nvfp4-pack-, mxfp4-pack- or mxfp8-quantized (sparse formats are not "
      "supported)",
      format.empty() ? "none" : format);
}

std::int64_t groupSizeOf(const QuantizationConfig& weights) {
  const std::string strategy = weights.text("strategy").value_or("tensor");
  if (strategy == "tensor" || strategy == "channel") {
    const std::optional<std::int64_t> size = weights.integer("group_size");
    if (size && *size != -1)
      throw mismatchError(weights.subject(), "group_size", "null with the strategy " + strategy, std::to_string(*size));
    return strategy == "tensor" ? kPerTensor : kPerChannel;
  }
  if (strategy == "block") return kPerChannel;  // the blocks are read apart
  if (strategy != "group" && strategy != "tensor_group")
    throw mismatchError(weights.subject(), "strategy", "tensor, channel, group, tensor_group or block", strategy);
  const std::int64_t size = weights.requireInteger("group_size");
  if (size <= 0) throw mismatchError(weights.subject(), "group_size", "a positive number", std::to_string(size));
  return size;
}

std::optional<Block> blockOf(const QuantizationConfig& weights, const char* key) {
  const auto found = weights.json().find(key);
  if (found == weights.json().end() || found->is_null()) return std::nullopt;
  const auto isSize = [](const nlohmann::json& value) {
    return value.is_number_unsigned() && value > 0 && value < (1U << 24U);
  };
  if (!found->is_array() || found->size() != 2 || !isSize(found->at(0)) || !isSize(found->at(1)))
    throw mismatchError(weights.subject(), key, "[rows, columns]", found->dump());
  return Block{found->at(0).get<std::uint64_t>(), found->at(1).get<std::uint64_t>()};
}

void parseScheme(const QuantizationConfig& weights, const std::string& format, const std::string& subject,
                 Group& group) {
  const std::int64_t bits = weights.requireInteger("num_bits");
  if (bits < 2 || bits > 8) throw mismatchError(weights.subject(), "num_bits", "2 to 8", std::to_string(bits));
  group.scheme.bits = static_cast<int>(bits);
  group.scheme.symmetric = weights.flag("symmetric").value_or(true);
  group.scheme.groupSize = groupSizeOf(weights);
  group.blockScaled = blockScaledForm(format);
  if (group.blockScaled) return;
  group.scheme.form = formOf(format, weights.text("type").value_or("int"), subject);
  if (weights.text("strategy").value_or("") != "block") return;
  group.block = blockOf(weights, "block_structure");
  if (!group.block) throw mismatchError(weights.subject(), "block_structure", "[rows, columns]", "none");
  if (group.scheme.form != CompressedForm::Float)
    throw mismatchError(subject, "format", "float-quantized with the strategy block", format);
}

// Inputs as 8-bit integers, a scale a token or one for all; nothing where they stay as they are, or are quantized in a
// way that isn't run here.
std::optional<ActivationScheme> inputsOf(const nlohmann::json& json, const std::string& subject) {
  if (!json.is_object()) return std::nullopt;
  const QuantizationConfig inputs(json, subject);
  const std::string strategy = inputs.text("strategy").value_or("tensor");
  if (inputs.integer("num_bits") != 8 || inputs.text("type").value_or("int") != "int" ||
      (strategy != "token" && strategy != "tensor"))
    return std::nullopt;
  const auto dynamic = json.find("dynamic");
  const bool isDynamic = dynamic != json.end() && dynamic->is_boolean() && dynamic->get<bool>();
  return ActivationScheme{.perToken = isDynamic && strategy == "token",
                          .isStatic = !isDynamic,
                          .symmetric = inputs.flag("symmetric").value_or(true)};
}

Group parseGroup(const nlohmann::json& json, const std::string& format, const std::string& subject) {
  if (!json.is_object() || !json.contains("weights") || !json["weights"].is_object())
    throw mismatchError(subject, "weights", "an object", "none");
  const QuantizationConfig own(json, subject);
  Group group;
  parseScheme(QuantizationConfig(json["weights"], subject + ": weights"), own.text("format").value_or(format), subject,
              group);
  if (json.contains("input_activations"))
    group.inputs = inputsOf(json["input_activations"], subject + ": input_activations");
  if (json.contains("targets") && json["targets"].is_array())
    for (const nlohmann::json& target : json["targets"])
      if (target.is_string()) group.targets.emplace_back(target.get<std::string>(), subject);
  return group;
}

const Group& groupFor(const std::string& layer, const std::vector<Group>& groups, const std::string& subject) {
  for (const Group& group : groups)
    for (const Target& target : group.targets)
      if (target.matches(layer)) return group;
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

Shape shapeOf(const LayerParts& parts, const Group& group) {
  const std::string subject = parts.file() + ": " + parts.layer;
  const CheckpointTensor* const plain = parts.find("weight");
  const CheckpointTensor* const packed = parts.find("weight_packed");
  if (plain == nullptr && !group.blockScaled) return packedShape(parts);
  const CheckpointTensor* const stored = plain != nullptr ? plain : packed;
  if (stored == nullptr) throw inputError(subject, "the tensor .weight_packed is missing");
  Shape shape = stored->info.shape;
  if (shape.size() != 2)
    throw mismatchError(subject, plain != nullptr ? "weight" : "weight_packed", "2 dimensions", toText(shape));
  if (plain == nullptr) shape[1] = stored->info.bytes / std::max<std::uint64_t>(shape[0], 1) * 2;  // two codes a byte
  return shape;
}

std::string describe(const Group& group) {
  const std::string name = "compressed-tensors ";
  if (group.blockScaled == BlockScaledForm::Nvfp4) return name + "NVFP4, groups of 16";
  if (group.blockScaled == BlockScaledForm::Mxfp4) return name + "MXFP4, groups of 32";
  if (group.blockScaled == BlockScaledForm::Mxfp8) return name + "MXFP8 (E4M3), groups of 32";
  if (group.block)
    return name + "FP8 (E4M3), blocks of " + std::to_string((*group.block)[0]) + " × " +
           std::to_string((*group.block)[1]);
  if (group.scheme.form == CompressedForm::Float) return name + "FP8 (E4M3)";
  return name + QuantScheme{.bits = group.scheme.bits,
                            .symmetric = group.scheme.symmetric,
                            .groupSize = group.scheme.groupSize}
                    .toText();
}

PackedLayerSource::Unpack unpackerOf(const Group& group, const std::string& subject) {
  if (group.blockScaled)
    return [form = *group.blockScaled, subject](const PackedTensors& parts) {
      return unpackBlockScaled(parts, form, subject);
    };
  if (group.block)
    return [block = *group.block, subject](const PackedTensors& parts) {
      return unpackFp8Blocks(parts, "weight_scale", block[0], block[1], subject);
    };
  return
      [scheme = group.scheme, subject](const PackedTensors& parts) { return unpackCompressed(parts, scheme, subject); };
}

void importLayers(std::vector<LayerParts> layers, const std::vector<Group>& groups, const QuantizationConfig& config,
                  Checkpoint::Contents& contents) {
  for (LayerParts& parts : layers) {
    const Group& group = groupFor(parts.layer, groups, config.subject());
    const std::string subject = parts.file() + ": " + parts.layer;
    Shape shape = shapeOf(parts, group);
    const CheckpointTensor* const scale = parts.find("weight_scale");
    const bool isFloat = scale != nullptr && (scale->info.dtype == DType::F16 || scale->info.dtype == DType::BF16 ||
                                              scale->info.dtype == DType::F32);
    contents.tensors.push_back(packedLayerTensor(std::move(parts), std::move(shape),
                                                 isFloat ? scale->info.dtype : DType::BF16, describe(group),
                                                 unpackerOf(group, subject), group.inputs));
  }
}

}  // namespace

void importCompressedTensors(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const auto groupsJson = config.json().find("config_groups");
  if (groupsJson == config.json().end() || !groupsJson->is_object())
    throw mismatchError(config.subject(), "config_groups", "an object", "none");
  const std::string format = config.text("format").value_or("");
  if (format == "dense") return;  // nothing is compressed
  std::vector<Group> groups;
  for (const auto& [name, json] : groupsJson->items())
    groups.push_back(parseGroup(json, format, config.subject() + ": " + name));
  for (const auto& [name, json] : groupsJson->items())
    if (json.contains("input_activations") && json["input_activations"].is_object() &&
        !inputsOf(json["input_activations"], config.subject()))
      contents.warnings.push_back(config.subject() + ": " + name +
                                  ": inputs are quantized in a way that isn't run here (only 8-bit integers are): "
                                  "evaluating takes them as they are");
  importLayers(takeLayers(contents.tensors, "weight_packed",
                          {"weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx",
                           "weight_global_scale", "input_global_scale"}),
               groups, config, contents);
  importLayers(takeLayers(contents.tensors, "weight_scale",
                          {"weight", "weight_scale", "weight_zero_point", "input_scale", "input_zero_point"}),
               groups, config, contents);
}

}  // namespace qs
