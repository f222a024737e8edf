#include "core/exporters/export_units.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/convert.h"
#include "core/kernels/dequantize.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

constexpr std::uint64_t kTileBytes = std::uint64_t{8} << 20U;
constexpr std::uint64_t kTileElements = std::uint64_t{1} << 15U;  // they stay in the cache
constexpr int kMostUnitsAtATime = 8;

bool isCopied(const PromisedModel& model, const CheckpointTensor& tensor) {
  return tensor.source->stored().has_value() && traits(tensor.info.dtype).safetensors &&
         !model.isFolded(tensor.info.name);
}

PlannedTensor planOfCopy(const PromisedModel& model, const CheckpointTensor& tensor) {
  return {tensor.info.name, isCopied(model, tensor) ? tensor.info.dtype : DType::F32, tensor.info.shape};
}

void copyBytes(const CheckpointTensor& tensor, const TensorSink& sink, RoundTripCheck& check,
               const RunContext& context) {
  const auto bytes = tensor.source->stored()->bytes;
  check.promiseBytes(tensor.info.name, {});
  tensor.source->prefetch();
  for (std::uint64_t first = 0; first < bytes.size(); first += kTileBytes) {
    context.throwIfStopped();
    const auto tile = bytes.subspan(first, std::min<std::uint64_t>(kTileBytes, bytes.size() - first));
    sink(tensor.info.name, tile);
    check.promiseBytes(tensor.info.name, tile);
  }
}

void copyValues(const PromisedModel& model, const CheckpointTensor& tensor, const TensorSink& sink,
                RoundTripCheck& check, const RunContext& context) {
  std::vector<float> tile;
  for (std::uint64_t first = 0; first < tensor.info.elements; first += tile.size()) {
    context.throwIfStopped();
    tile.resize(std::min(kTileElements, tensor.info.elements - first));
    model.read(tensor, first, tile);
    writeValues<float>(sink, tensor.info.name, tile);
    check.promise(tensor.info.name, tile);
  }
}

// Calls `use` for tiles of whole dequantized rows.
template <typename Use>
void forDequantizedRows(const QuantizedTensor& layer, const RunContext& context, const Use& use) {
  const std::size_t step = std::max<std::size_t>(1, kTileElements / std::max<std::size_t>(1, layer.cols));
  Matrix tile;
  for (std::size_t first = 0; first < layer.rows; first += step) {
    context.throwIfStopped();
    if (const std::size_t rows = std::min(step, layer.rows - first); rows != tile.rows())
      tile = Matrix(rows, layer.cols);
    dequantizeTile(layer, first, tile.span());
    use(tile);
  }
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

std::vector<ExportUnit> planUnits(const PromisedModel& model, const PartsOfLayer& partsOfLayer,
                                  const RunContext& context) {
  std::vector<ExportUnit> units;
  for (const CheckpointTensor& tensor : model.source().model.tensors()) {
    context.throwIfStopped();
    ExportUnit unit{.tensor = &tensor, .layer = model.layerOf(tensor)};
    if (unit.layer.empty())
      unit.parts = {planOfCopy(model, tensor)};
    else
      unit.parts = partsOfLayer(unit, model.head(unit.layer));
    units.push_back(std::move(unit));
  }
  return units;
}

std::vector<PlannedTensor> allParts(std::span<const ExportUnit> units) {
  std::vector<PlannedTensor> parts;
  for (const ExportUnit& unit : units) parts.insert(parts.end(), unit.parts.begin(), unit.parts.end());
  return parts;
}

void streamUnits(std::span<const ExportUnit> units, const WriteUnit& writeUnit, const RunContext& context) {
  if (context.progress != nullptr)
    context.progress->beginStage("Writing", "tensors", static_cast<double>(units.size()));
  RunContext bounded = context;
  bounded.threads = std::min(context.threadCount(), kMostUnitsAtATime);
  inWorkerArena(bounded, [&] {
    parallelFor(bounded, units.size(), [&](std::size_t i) {
      if (context.progress != nullptr) context.progress->setItem(units[i].tensor->info.name);
      writeUnit(units[i]);
      units[i].tensor->source->release();
      context.advance(1);
    });
  });
}

void copyUnit(const PromisedModel& model, const ExportUnit& unit, const TensorSink& sink, RoundTripCheck& check,
              const RunContext& context) {
  if (isCopied(model, *unit.tensor))
    copyBytes(*unit.tensor, sink, check, context);
  else
    copyValues(model, *unit.tensor, sink, check, context);
}

void writeDequantized(const QuantizedTensor& layer, DType dtype, bool isTransposed, std::string_view tensor,
                      const TensorSink& sink, const RunContext& context) {
  if (isTransposed) {
    const Matrix columns = transposed(dequantize(layer).view());
    return writeAs(dtype, columns.values(), tensor, sink);
  }
  forDequantizedRows(layer, context, [&](const Matrix& tile) { writeAs(dtype, tile.values(), tensor, sink); });
}

void promiseDequantized(const QuantizedTensor& layer, bool isTransposed, std::string_view tensor, RoundTripCheck& check,
                        const RunContext& context) {
  if (isTransposed) return check.promise(tensor, transposed(dequantize(layer).view()).values());
  forDequantizedRows(layer, context, [&](const Matrix& tile) { check.promise(tensor, tile.values()); });
}

}  // namespace qs
