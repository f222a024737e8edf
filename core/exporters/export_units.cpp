#include "core/exporters/export_units.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/convert.h"
#include "core/session/layer_filter.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

constexpr std::uint64_t kTileBytes = std::uint64_t{8} << 20U;
constexpr std::uint64_t kTileElements = std::uint64_t{1} << 20U;

bool isPlain(const CheckpointTensor& tensor) {
  return tensor.source->stored().has_value() && traits(tensor.info.dtype).safetensors;
}

PlannedTensor planOfCopy(const CheckpointTensor& tensor) {
  return {tensor.info.name, isPlain(tensor) ? tensor.info.dtype : DType::F32, tensor.info.shape};
}

void copyStored(const CheckpointTensor& tensor, const TensorSink& sink, const RunContext& context) {
  const auto bytes = tensor.source->stored()->bytes;
  for (std::uint64_t first = 0; first < bytes.size(); first += kTileBytes) {
    context.throwIfStopped();
    sink(tensor.info.name, bytes.subspan(first, std::min<std::uint64_t>(kTileBytes, bytes.size() - first)));
  }
}

void copyDecoded(const CheckpointTensor& tensor, const TensorSink& sink, const RunContext& context) {
  std::vector<float> tile;
  for (std::uint64_t first = 0; first < tensor.info.elements; first += tile.size()) {
    context.throwIfStopped();
    tile.resize(std::min(kTileElements, tensor.info.elements - first));
    tensor.source->read(first, tile);
    writeValues<float>(sink, tensor.info.name, tile);
  }
}

std::set<std::string, std::less<>> quantizedLayers(const QuantReport& report) {
  std::set<std::string, std::less<>> layers;
  for (const LayerReportPtr& layer : report.layers)
    if (layer->error.empty()) layers.insert(layer->name);
  return layers;
}

}  // namespace

void writeAs(DType dtype, std::span<const float> values, std::string_view tensor, const TensorSink& sink) {
  if (dtype == DType::F32) return writeValues<float>(sink, tensor, values);
  std::vector<std::uint16_t> narrow(values.size());
  if (dtype == DType::F16)
    narrowToHalf(values, narrow);
  else
    narrowToBfloat16(values, narrow);
  writeValues<std::uint16_t>(sink, tensor, narrow);
}

QuantizedTensor requireStoredLayer(const ExportSource& source, std::string_view layer) {
  auto tensor = source.store.loadTensor(layer);
  if (!tensor)
    throw failedError("layer '" + std::string(layer) + "'", "its stored result is missing or damaged; run again");
  return std::move(*tensor);
}

std::vector<ExportUnit> planUnits(const ExportSource& source, const PartsOfLayer& partsOfLayer,
                                  const RunContext& context) {
  const auto quantized = quantizedLayers(source.report);
  std::vector<ExportUnit> units;
  for (const CheckpointTensor& tensor : source.model.tensors()) {
    context.throwIfStopped();
    ExportUnit unit{.tensor = &tensor};
    const std::string layer = layerName(tensor.info.name);
    if (quantized.contains(layer) && tensor.info.shape.size() == 2) {
      unit.layer = layer;
      QuantizedTensor head = requireStoredLayer(source, layer);
      head.codes.clear();
      unit.parts = partsOfLayer(unit, head);
    } else {
      unit.parts = {planOfCopy(tensor)};
    }
    units.push_back(std::move(unit));
  }
  return units;
}

std::vector<PlannedTensor> allParts(std::span<const ExportUnit> units) {
  std::vector<PlannedTensor> parts;
  for (const ExportUnit& unit : units) parts.insert(parts.end(), unit.parts.begin(), unit.parts.end());
  return parts;
}

void streamUnits(std::span<const ExportUnit> units, const WriteLayer& writeLayer, const TensorSink& sink,
                 const RunContext& context) {
  if (context.progress != nullptr)
    context.progress->beginStage("Writing", "tensors", static_cast<double>(units.size()));
  inWorkerArena(context, [&] {
    parallelFor(context, units.size(), [&](std::size_t i) {
      const ExportUnit& unit = units[i];
      if (context.progress != nullptr) context.progress->setItem(unit.tensor->info.name);
      if (!unit.layer.empty())
        writeLayer(unit, sink);
      else if (isPlain(*unit.tensor))
        copyStored(*unit.tensor, sink, context);
      else
        copyDecoded(*unit.tensor, sink, context);
      unit.tensor->source->release();
      context.advance(1);
    });
  });
}

void writeDequantized(const QuantizedTensor& layer, DType dtype, bool isTransposed, std::string_view tensor,
                      const TensorSink& sink, const RunContext& context) {
  if (isTransposed) {
    const Matrix columns = transposed(dequantize(layer).view());
    return writeAs(dtype, columns.values(), tensor, sink);
  }
  const std::size_t step = std::max<std::size_t>(1, kTileElements / std::max<std::size_t>(1, layer.cols));
  for (std::size_t first = 0; first < layer.rows; first += step) {
    context.throwIfStopped();
    Matrix tile(std::min(step, layer.rows - first), layer.cols);
    dequantizeRows(layer, first, tile.span());
    writeAs(dtype, tile.values(), tensor, sink);
  }
}

}  // namespace qs
