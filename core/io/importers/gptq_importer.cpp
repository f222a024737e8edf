#include <regex>

#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/importers/packed_layer_source.h"
#include "core/io/layouts/gptq_layout.h"

namespace qs {

namespace {

GptqVersion versionOf(const QuantizationConfig& config) {
  const std::string format = config.text("checkpoint_format").value_or(config.text("format").value_or("gptq"));
  if (format == "gptq") return GptqVersion::V1;
  if (format == "gptq_v2") return GptqVersion::V2;
  throw mismatchError(config.subject(), "checkpoint_format", "gptq or gptq_v2", format);
}

GptqScheme baseScheme(const QuantizationConfig& config) {
  GptqScheme scheme{.bits = static_cast<int>(config.requireInteger("bits")),
                    .groupSize = config.requireInteger("group_size"),
                    .symmetric = config.flag("sym").value_or(true),
                    .version = versionOf(config)};
  if (scheme.bits != 2 && scheme.bits != 3 && scheme.bits != 4 && scheme.bits != 8)
    throw mismatchError(config.subject(), "bits", "2, 3, 4 or 8", std::to_string(scheme.bits));
  if (scheme.groupSize != kPerChannel && scheme.groupSize <= 0)
    throw mismatchError(config.subject(), "group_size", "-1 or a positive number", std::to_string(scheme.groupSize));
  return scheme;
}

// `dynamic` maps regular expressions to other settings; the first that matches wins ("+:" may stand before it).
GptqScheme schemeFor(const std::string& layer, GptqScheme scheme, const QuantizationConfig& config) {
  const auto dynamic = config.json().find("dynamic");
  if (dynamic == config.json().end() || !dynamic->is_object()) return scheme;
  for (const auto& [pattern, settings] : dynamic->items()) {
    const std::string expression = pattern.starts_with("+:") || pattern.starts_with("-:") ? pattern.substr(2) : pattern;
    bool matches = false;
    try {
      matches = std::regex_search(layer, std::regex(expression), std::regex_constants::match_continuous);
    } catch (const std::regex_error&) {
      throw inputError(config.subject(), "dynamic: \"" + pattern + "\" is no regular expression");
    }
    if (!matches) continue;
    const QuantizationConfig own(settings, config.subject() + ": dynamic: " + pattern);
    if (settings.is_object()) {
      scheme.bits = static_cast<int>(own.integer("bits").value_or(scheme.bits));
      scheme.groupSize = own.integer("group_size").value_or(scheme.groupSize);
      scheme.symmetric = own.flag("sym").value_or(scheme.symmetric);
    }
    return scheme;
  }
  return scheme;
}

Shape shapeOf(const LayerParts& parts, int bits) {
  const CheckpointTensor& weights = *parts.find("qweight");
  const Shape& stored = weights.info.shape;
  if (stored.size() != 2 || stored[0] * 32 % static_cast<std::uint64_t>(bits) != 0)
    throw mismatchError(parts.file() + ": " + weights.info.name, "shape", "[in·bits/32, out]", toText(stored));
  return {stored[1], stored[0] * 32 / static_cast<std::uint64_t>(bits)};
}

std::string describe(const GptqScheme& scheme) {
  const QuantScheme general{.bits = scheme.bits, .symmetric = scheme.symmetric, .groupSize = scheme.groupSize};
  return "GPTQ " + general.toText();
}

// What the file holds by the name of v1 may be v2's zero points: worth a word to the person.
void warnIfMislabelled(const LayerParts& parts, const GptqScheme& scheme, Checkpoint::Contents& contents) {
  if (scheme.version != GptqVersion::V1 || !scheme.symmetric) return;
  const std::string subject = parts.file() + ": " + parts.layer;
  bool mislabelled = false;
  (void)unpackGptq(parts.load(), scheme, subject, &mislabelled);
  parts.release();
  if (mislabelled)
    contents.warnings.push_back(subject +
                                ": labelled as GPTQ version 1, but its zero points are version 2's; read as version 2");
}

}  // namespace

void importGptq(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const GptqScheme base = baseScheme(config);
  std::vector<LayerParts> layers = takeLayers(contents.tensors, "qweight", {"qweight", "qzeros", "scales", "g_idx"});
  if (!layers.empty()) warnIfMislabelled(layers.front(), schemeFor(layers.front().layer, base, config), contents);
  for (LayerParts& parts : layers) {
    const GptqScheme scheme = schemeFor(parts.layer, base, config);
    const std::string subject = parts.file() + ": " + parts.layer;
    Shape shape = shapeOf(parts, scheme.bits);
    contents.tensors.push_back(packedLayerTensor(
        std::move(parts), std::move(shape), DType::F16, describe(scheme),
        [scheme, subject](const PackedTensors& packed) { return unpackGptq(packed, scheme, subject); }));
  }
}

}  // namespace qs
