#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/importers/packed_layer_source.h"
#include "core/io/layouts/awq_layout.h"

namespace qs {

namespace {

std::string lowerCase(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

enum class AwqLayout { Gemm, Gemv };

AwqLayout layoutOf(const QuantizationConfig& config) {
  const std::string version = lowerCase(config.text("version").value_or("gemm"));
  if (version == "gemm") return AwqLayout::Gemm;
  if (version == "gemv") return AwqLayout::Gemv;
  throw mismatchError(config.subject(), "version",
                      "gemm or gemv (gemv_fast, marlin and other device layouts can't be decoded)", version);
}

// llm-awq's own files interleave rows by four, and keep scaled zero points: another layout under the same name.
void refuseInterleaved(const Checkpoint::Contents& contents) {
  for (const CheckpointTensor& tensor : contents.tensors)
    if (tensor.info.name.ends_with(".scaled_zeros"))
      throw inputError(
          tensor.file + ": " + tensor.info.name,
          "the layout of llm-awq (gemv_fast), with interleaved rows, is not supported: convert it to gemm");
}

Shape shapeOf(const LayerParts& parts, AwqLayout layout) {
  const Shape& stored = parts.find("qweight")->info.shape;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40U;
  const char* const expected = layout == AwqLayout::Gemm ? "[in, out/8]" : "[out, in/8]";
  if (stored.size() != 2 || stored[1] > kMost)
    throw mismatchError(parts.file() + ": " + parts.layer, "qweight", expected, toText(stored));
  return layout == AwqLayout::Gemm ? Shape{stored[1] * 8, stored[0]} : Shape{stored[0], stored[1] * 8};
}

}  // namespace

void importAwq(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const std::int64_t bits = config.requireInteger("bits", "w_bit");
  if (bits != 4) throw mismatchError(config.subject(), "bits", "4", std::to_string(bits));
  const AwqLayout layout = layoutOf(config);
  const std::int64_t group = config.requireInteger("group_size", "q_group_size");
  if (group != kPerChannel && group <= 0)
    throw mismatchError(config.subject(), "group_size", "-1 or a positive number", std::to_string(group));
  refuseInterleaved(contents);
  const auto unpack = layout == AwqLayout::Gemm ? unpackAwq : unpackAwqGemv;
  const std::string scheme =
      (layout == AwqLayout::Gemm ? "AWQ " : "AWQ (gemv) ") + QuantScheme{.bits = 4, .groupSize = group}.toText();
  for (LayerParts& parts : takeLayers(contents.tensors, "qweight", {"qweight", "qzeros", "scales"})) {
    const std::string subject = parts.file() + ": " + parts.layer;
    Shape shape = shapeOf(parts, layout);
    contents.tensors.push_back(packedLayerTensor(
        std::move(parts), std::move(shape), DType::F16, scheme,
        [unpack, group, subject](const PackedTensors& packed) { return unpack(packed, group, subject); }));
  }
}

}  // namespace qs
