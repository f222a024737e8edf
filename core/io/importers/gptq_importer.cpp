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

// What a layer's zero points are that should all be the middle; nothing where they can't be looked at.
std::optional<GptqZeroPoints> zeroPointsOf(const LayerParts& parts, const GptqScheme& scheme) {
  const CheckpointTensor* const zeros = parts.find("qzeros");
  if (zeros == nullptr || !scheme.symmetric) return std::nullopt;
  const std::optional<TensorView> view = zeros->source->stored();
  if (!view || view->dtype != DType::I32 || view->bytes.empty()) return std::nullopt;
  const Shape& weights = parts.find("qweight")->info.shape;
  const PackedTensor part{"qzeros", view->dtype, view->shape, {view->bytes.begin(), view->bytes.end()}};
  const GptqZeroPoints found = zeroPointsOf(part, weights.empty() ? 0 : weights.back(), scheme);
  zeros->source->release();
  return found;
}

// "model.safetensors: LAYER and 3 more layers: "
std::string subjectOf(const LayerParts& first, std::size_t count) {
  const std::string more = count == 1 ? "" : " and " + std::to_string(count - 1) + " more layers";
  return first.file() + ": " + first.layer + more + ": ";
}

// What the file holds by the name of v1 may be v2's zero points; and symmetric files may hold other zero points than
// the middle, which fused kernels ignore. Both are worth a word to the person.
void warnOfZeroPoints(const std::vector<LayerParts>& layers, const DynamicSchemes& schemes,
                      Checkpoint::Contents& contents) {
  std::vector<const LayerParts*> ofOtherVersion;
  std::vector<const LayerParts*> other;
  for (const LayerParts& parts : layers) {
    const auto found = zeroPointsOf(parts, schemes.of(parts.layer));
    if (found == GptqZeroPoints::MiddleOfOtherVersion) ofOtherVersion.push_back(&parts);
    if (found == GptqZeroPoints::Other) other.push_back(&parts);
  }
  if (!ofOtherVersion.empty())
    contents.warnings.push_back(subjectOf(*ofOtherVersion.front(), ofOtherVersion.size()) +
                                "labelled as GPTQ version 1, but the zero points are version 2's; read as version 2");
  if (!other.empty())
    contents.warnings.push_back(
        subjectOf(*other.front(), other.size()) + "\"sym\" is true, but the zero points are not all " +
        std::to_string(1 << (schemes.of(other.front()->layer).bits - 1)) + "; read as they are stored");
}

}  // namespace

void importGptq(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const DynamicSchemes schemes(baseScheme(config), config);
  std::vector<LayerParts> layers = takeLayers(contents.tensors, "qweight", {"qweight", "qzeros", "scales", "g_idx"});
  warnOfZeroPoints(layers, schemes, contents);
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
