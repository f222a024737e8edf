#include <optional>
#include <vector>

#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/importers/name_pattern.h"
#include "core/io/importers/packed_layer_source.h"
#include "core/io/layouts/gptq_layout.h"

namespace qs {

namespace {

constexpr std::uint64_t kMostWords = std::uint64_t{1} << 40U;  // far below where bits overflow

GptqVersion versionOf(const QuantizationConfig& config) {
  const std::string format = config.text("checkpoint_format").value_or(config.text("format").value_or("gptq"));
  if (format == "gptq") return GptqVersion::V1;
  if (format == "gptq_v2") return GptqVersion::V2;
  if (format == "gptq_p")
    throw inputError(config.subject(),
                     "checkpoint_format: the planar layout gptq_p is not supported: save it as gptq_v2");
  throw mismatchError(config.subject(), "checkpoint_format", "gptq or gptq_v2", format);
}

// What the file may set, for all layers or for some.
void applySettings(const QuantizationConfig& config, GptqScheme& scheme) {
  const std::int64_t bits = config.integer("bits").value_or(scheme.bits);
  if (bits != 2 && bits != 3 && bits != 4 && bits != 8)
    throw mismatchError(config.subject(), "bits", "2, 3, 4 or 8", std::to_string(bits));
  scheme.bits = static_cast<int>(bits);
  scheme.groupSize = config.integer("group_size").value_or(scheme.groupSize);
  if (scheme.groupSize != kPerChannel && scheme.groupSize <= 0)
    throw mismatchError(config.subject(), "group_size", "-1 or a positive number", std::to_string(scheme.groupSize));
  scheme.symmetric = config.flag("sym").value_or(scheme.symmetric);
}

GptqScheme baseScheme(const QuantizationConfig& config) {
  (void)config.requireInteger("bits");
  (void)config.requireInteger("group_size");
  GptqScheme scheme{.symmetric = true, .version = versionOf(config)};
  applySettings(config, scheme);
  return scheme;
}

// `dynamic` maps regular expressions to other settings; in the file's order the first that matches wins ("+:" may stand
// before it; "-:" leaves the layer out, which then has no packed tensors).
class DynamicSchemes {
 public:
  DynamicSchemes(GptqScheme base, const QuantizationConfig& config) : m_base(base) {
    const auto dynamic = config.json().find("dynamic");
    if (dynamic == config.json().end() || dynamic->is_null()) return;
    if (!dynamic->is_object()) throw mismatchError(config.subject(), "dynamic", "an object", dynamic->type_name());
    for (const std::string& key : config.dynamicKeys()) {
      if (!dynamic->contains(key)) continue;
      const bool isPrefixed = key.starts_with("+:") || key.starts_with("-:");
      const std::string subject = config.subject() + ": dynamic: " + key;
      GptqScheme scheme = base;
      const nlohmann::json& settings = dynamic->at(key);
      if (settings.is_object()) applySettings(QuantizationConfig(settings, subject), scheme);
      m_rules.emplace_back(NamePattern(isPrefixed ? std::string_view(key).substr(2) : key, subject), scheme);
    }
  }

  [[nodiscard]] GptqScheme of(const std::string& layer) const {
    for (const auto& [pattern, scheme] : m_rules)
      if (pattern.matches(layer)) return scheme;
    return m_base;
  }

 private:
  GptqScheme m_base;
  std::vector<std::pair<NamePattern, GptqScheme>> m_rules;
};

Shape shapeOf(const LayerParts& parts, int bits) {
  const CheckpointTensor& weights = *parts.find("qweight");
  const Shape& stored = weights.info.shape;
  if (stored.size() != 2 || stored[0] > kMostWords || stored[0] * 32 % static_cast<std::uint64_t>(bits) != 0)
    throw mismatchError(parts.file() + ": " + weights.info.name, "shape", "[in·bits/32, out]", toText(stored));
  return {stored[1], stored[0] * 32 / static_cast<std::uint64_t>(bits)};
}

std::string describe(const GptqScheme& scheme) {
  const QuantScheme general{.bits = scheme.bits, .symmetric = scheme.symmetric, .groupSize = scheme.groupSize};
  return "GPTQ " + general.toText();
}

// What the file holds by the name of v1 may be v2's zero points; and symmetric files may hold other zero points than
// the middle, which fused kernels ignore. Both are worth a word to the person. Reads the zero points of one layer.
void warnOfZeroPoints(const LayerParts& parts, const GptqScheme& scheme, Checkpoint::Contents& contents) {
  const CheckpointTensor* const zeros = parts.find("qzeros");
  if (zeros == nullptr || !scheme.symmetric) return;
  const std::optional<TensorView> view = zeros->source->stored();
  if (!view || view->dtype != DType::I32 || view->bytes.empty()) return;
  const std::string subject = parts.file() + ": " + parts.layer;
  const Shape& weights = parts.find("qweight")->info.shape;
  switch (zeroPointsOf({"qzeros", view->dtype, view->shape, {view->bytes.begin(), view->bytes.end()}},
                       weights.empty() ? 0 : weights.back(), scheme)) {
    case GptqZeroPoints::Middle:
      break;
    case GptqZeroPoints::MiddleOfOtherVersion:
      contents.warnings.push_back(
          subject + ": labelled as GPTQ version 1, but its zero points are version 2's; read as version 2");
      break;
    case GptqZeroPoints::Other:
      contents.warnings.push_back(subject + ": \"sym\" is true, but its zero points are not all " +
                                  std::to_string(1 << (scheme.bits - 1)) + "; read as they are stored");
      break;
  }
  zeros->source->release();
}

}  // namespace

void importGptq(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const DynamicSchemes schemes(baseScheme(config), config);
  std::vector<LayerParts> layers = takeLayers(contents.tensors, "qweight", {"qweight", "qzeros", "scales", "g_idx"});
  if (!layers.empty()) warnOfZeroPoints(layers.front(), schemes.of(layers.front().layer), contents);
  for (LayerParts& parts : layers) {
    const GptqScheme scheme = schemes.of(parts.layer);
    const std::string subject = parts.file() + ": " + parts.layer;
    Shape shape = shapeOf(parts, scheme.bits);
    contents.tensors.push_back(packedLayerTensor(
        std::move(parts), std::move(shape), DType::F16, describe(scheme),
        [scheme, subject](const PackedTensors& packed) { return unpackGptq(packed, scheme, subject); }));
  }
}

}  // namespace qs
