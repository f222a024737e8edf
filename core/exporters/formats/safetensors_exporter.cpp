#include "core/exporters/formats/safetensors_exporter.h"

#include "core/exporters/run_metadata.h"
#include "core/exporters/single_file_export.h"
#include "core/io/layouts/packed_tensor.h"

namespace qs {

namespace {

bool hasSignedCodes(const QuantizedTensor& tensor) { return tensor.scheme.symmetric && tensor.codebook.empty(); }

Shape scaleShape(const QuantizedTensor& tensor) {
  if (tensor.scheme.groupSize == kPerTensor) return {1, 1};
  return {tensor.rows, tensor.scheme.groupsPerRow(tensor.cols)};
}

PackedTensor zeroPoints(const QuantizedTensor& tensor) {
  const Shape shape = scaleShape(tensor);
  if (tensor.scheme.realZeroPoint) return packedTensor<float>("zero_points", DType::F32, shape, tensor.zeroPoints);
  std::vector<std::uint8_t> whole;
  for (const float zero : tensor.zeroPoints) whole.push_back(static_cast<std::uint8_t>(zero));
  return packedTensor<std::uint8_t>("zero_points", DType::U8, shape, whole);
}

// Everything but the codes: small tensors.
PackedTensors sideTensors(const QuantizedTensor& tensor) {
  PackedTensors parts{packedTensor<float>("scales", DType::F32, scaleShape(tensor), tensor.scales)};
  if (!tensor.zeroPoints.empty()) parts.push_back(zeroPoints(tensor));
  if (!tensor.codebook.empty())
    parts.push_back(packedTensor<float>("codebook", DType::F32, {tensor.codebook.size()}, tensor.codebook));
  if (!tensor.groupIndex.empty())
    parts.push_back(packedTensor<std::int32_t>("g_idx", DType::I32, {tensor.cols}, tensor.groupIndex));
  if (!tensor.inputScale.empty())
    parts.push_back(packedTensor<float>(inputScaleSuffix(tensor), DType::F32, {tensor.cols}, tensor.inputScale));
  if (tensor.activations && tensor.activations->isStatic) {
    parts.push_back(packedTensor<float>("input_scale", DType::F32, {1}, std::span(&tensor.activations->scale, 1)));
    if (!tensor.activations->symmetric)
      parts.push_back(packedTensor<std::int32_t>("input_zero_point", DType::I32, {1},
                                                 std::span(&tensor.activations->zeroPoint, 1)));
  }
  return parts;
}

std::vector<PlannedTensor> partsOf(const ExportUnit& unit, const QuantizedTensor& head) {
  std::vector<PlannedTensor> parts{
      {unit.layer + ".codes", hasSignedCodes(head) ? DType::I8 : DType::U8, {head.rows, head.cols}}};
  for (const PackedTensor& part : sideTensors(head))
    parts.push_back({unit.layer + "." + part.suffix, part.dtype, part.shape});
  return parts;
}

ExportResult write(const ExportSource& source, const ExportOptions& options, const RunContext& context) {
  const WriteLayer writeLayer = [](const ExportUnit& unit, const QuantizedTensor& layer, const TensorSink& out) {
    writeValues<std::uint8_t>(out, unit.layer + ".codes", layer.codes);
    for (const PackedTensor& part : sideTensors(layer)) out(unit.layer + "." + part.suffix, part.bytes);
  };
  return exportSafetensorsFile(source, options, partsOf, writeLayer, context);
}

}  // namespace

ExporterInfo safetensorsExporter() {
  return {.id = "safetensors",
          .name = "Codes and scales (safetensors)",
          .loaders = "any safetensors library, for scripts and research",
          .suffix = ".safetensors",
          .preflight = [](const Checkpoint&, const QuantRequest&,
                          const ExportOptions&) { return std::vector<PreflightFinding>{}; },
          .write = write};
}

}  // namespace qs
