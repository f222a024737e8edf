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

}  // namespace

void importAwq(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const std::int64_t bits = config.requireInteger("bits", "w_bit");
  if (bits != 4) throw mismatchError(config.subject(), "bits", "4", std::to_string(bits));
  const std::string version = lowerCase(config.text("version").value_or("gemm"));
  if (version != "gemm") throw mismatchError(config.subject(), "version", "gemm", version);
  const std::int64_t group = config.requireInteger("group_size", "q_group_size");
  if (group != kPerChannel && group <= 0)
    throw mismatchError(config.subject(), "group_size", "-1 or a positive number", std::to_string(group));
  for (LayerParts& parts : takeLayers(contents.tensors, "qweight", {"qweight", "qzeros", "scales"})) {
    const Shape& stored = parts.find("qweight")->info.shape;
    const std::string subject = parts.file() + ": " + parts.layer;
    if (stored.size() != 2) throw mismatchError(subject, "qweight", "[in, out/8]", toText(stored));
    Shape shape{stored[1] * 8, stored[0]};
    const std::string scheme = "AWQ " + QuantScheme{.bits = 4, .groupSize = group}.toText();
    contents.tensors.push_back(
        packedLayerTensor(std::move(parts), std::move(shape), DType::F16, scheme,
                          [group, subject](const PackedTensors& packed) { return unpackAwq(packed, group, subject); }));
  }
}

}  // namespace qs
