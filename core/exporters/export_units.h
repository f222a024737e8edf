#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/exporters/promised_model.h"
#include "core/exporters/round_trip_check.h"
#include "core/io/formats/safetensors_writer.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// What an exporter streams at a time: one tensor of the model, and the tensors that it becomes in the file.
struct ExportUnit {
  const CheckpointTensor* tensor = nullptr;
  std::string layer;  ///< the quantized layer's name; empty where the tensor is copied
  std::vector<PlannedTensor> parts;

  bool operator==(const ExportUnit&) const = default;
};

/// What a quantized layer becomes. `head` is the layer without its codes.
using PartsOfLayer = std::function<std::vector<PlannedTensor>(const ExportUnit&, const QuantizedTensor& head)>;

/// A unit a tensor of the model, in its order. Tensors that the run didn't quantize are planned as they are stored
/// (F32 where they have to be decoded, or an input scale is folded into them). Throws Error (Failed) naming a layer
/// that the store doesn't hold.
[[nodiscard]] std::vector<ExportUnit> planUnits(const PromisedModel& model, const PartsOfLayer& partsOfLayer,
                                                const RunContext& context);

/// Receives the next bytes of a planned tensor; thread-safe across tensors.
using TensorSink = std::function<void(std::string_view tensor, std::span<const std::byte>)>;

/// Writes one unit's parts.
using WriteUnit = std::function<void(const ExportUnit&)>;

/// Runs through the units, several at a time on the context's threads. Memory is bounded by a layer for each of at most
/// eight threads; what each unit writes doesn't depend on them.
void streamUnits(std::span<const ExportUnit> units, const WriteUnit& writeUnit, const RunContext& context);

/// Writes a unit that isn't quantized, as planUnits() planned it, and tells the check what to expect of it.
void copyUnit(const PromisedModel& model, const ExportUnit& unit, const TensorSink& sink, RoundTripCheck& check,
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

/// Tells the check the dequantized rows of a layer that is read back under the tensor's name; `transposed` as [in,
/// out].
void promiseDequantized(const QuantizedTensor& layer, bool transposed, std::string_view tensor, RoundTripCheck& check,
                        const RunContext& context);

}  // namespace qs
