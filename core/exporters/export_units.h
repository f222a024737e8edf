#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/exporters/exporter.h"
#include "core/io/formats/safetensors_writer.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// What an exporter streams at a time: one tensor of the model, and the tensors that it becomes in the file.
struct ExportUnit {
  const CheckpointTensor* tensor = nullptr;
  std::string layer;  ///< the quantized layer's name; empty where the tensor is copied
  std::vector<PlannedTensor> parts;
};

/// What a quantized layer becomes. `head` is the layer without its codes.
using PartsOfLayer = std::function<std::vector<PlannedTensor>(const ExportUnit&, const QuantizedTensor& head)>;

/// A unit a tensor of the model, in its order. Tensors that the run didn't quantize are planned as they are stored
/// (F32 where they have to be decoded). Throws Error (Failed) naming a layer that the store doesn't hold.
[[nodiscard]] std::vector<ExportUnit> planUnits(const ExportSource& source, const PartsOfLayer& partsOfLayer,
                                                const RunContext& context);

/// The stored layer. Throws Error (Failed) where it is missing or damaged.
[[nodiscard]] QuantizedTensor requireStoredLayer(const ExportSource& source, std::string_view layer);

/// Receives the next bytes of a planned tensor; thread-safe across tensors.
using TensorSink = std::function<void(std::string_view tensor, std::span<const std::byte>)>;

/// Writes one quantized unit's parts to the sink.
using WriteLayer = std::function<void(const ExportUnit&, const TensorSink&)>;

/// Runs through the units, several at a time on the context's threads: copies what isn't quantized, and calls
/// `writeLayer` for what is. Memory is bounded by a layer a thread; what each unit writes doesn't depend on the
/// threads.
void streamUnits(std::span<const ExportUnit> units, const WriteLayer& writeLayer, const TensorSink& sink,
                 const RunContext& context);

/// The parts of all units.
[[nodiscard]] std::vector<PlannedTensor> allParts(std::span<const ExportUnit> units);

/// Hands on the values as bytes.
template <typename T>
void writeValues(const TensorSink& sink, std::string_view tensor, std::span<const T> values) {
  sink(tensor, std::as_bytes(values));
}

/// Values converted to F32, F16 or BF16, and handed on.
void writeAs(DType dtype, std::span<const float> values, std::string_view tensor, const TensorSink& sink);

/// Dequantized rows, converted to F32, F16 or BF16, and handed on tile by tile. `transposed` writes [in, out].
void writeDequantized(const QuantizedTensor& layer, DType dtype, bool transposed, std::string_view tensor,
                      const TensorSink& sink, const RunContext& context);

}  // namespace qs
