#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/exporters/exporter.h"
#include "core/session/fold_input_scales.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// What planning an export needs to know of a quantized layer.
struct LayerSummary {
  std::string name;
  std::size_t rows = 0;
  std::size_t cols = 0;
  QuantScheme scheme;
  std::optional<ActivationScheme> activations;
  bool hasGroupIndex = false;
  bool hasZeroAtZero = false;  ///< a zero point is 0
};

/// A quantized layer without its codes.
using HeadOf = std::function<QuantizedTensor(const std::string& layer)>;

/// Whether input scales stay beside the layers, or go into the operation before.
enum class InputScales { Kept, Folded };

/// The model that an export promises: the run's layers from its store, everything else from the checkpoint, and input
/// scales folded (session/fold_input_scales.h) where they are asked to be. Immutable, thread-safe; holds no weights.
class PromisedModel {
 public:
  /// Throws Error (Failed) where a layer is missing from the store, or a scale can't be folded; Cancelled.
  PromisedModel(const ExportSource& source, InputScales inputScales, const RunContext& context);
  /// The same where `headOf` says what the layers are, of a run that is still to come, or was watched; no input scales.
  /// load() works as layers get stored.
  PromisedModel(const ExportSource& source, HeadOf headOf, const RunContext& context);

  [[nodiscard]] const ExportSource& source() const { return m_source; }
  /// The quantized layers, in model order.
  [[nodiscard]] const std::vector<LayerSummary>& layers() const { return m_layers; }
  /// The quantized layer that a tensor of the model holds; empty where it isn't quantized.
  [[nodiscard]] std::string layerOf(const CheckpointTensor& tensor) const;
  /// The method that made a quantized layer.
  [[nodiscard]] const std::string& methodOf(std::string_view layer) const;
  /// Names of linears, the head included, that stay as they are.
  [[nodiscard]] std::vector<std::string> unquantizedLinears() const;

  /// A quantized layer; with folding its scales are changed and its input scale is gone. Throws Error (Failed).
  [[nodiscard]] QuantizedTensor load(std::string_view layer) const;
  /// The same without its codes.
  [[nodiscard]] QuantizedTensor head(std::string_view layer) const;
  /// A quantized layer's weights before rounding [out, in], in the domain in which it was rounded: folds applied.
  [[nodiscard]] Matrix unrounded(std::string_view layer, const RunContext& context) const;
  /// The input scale that folding takes from a layer; empty = none.
  [[nodiscard]] const std::vector<float>& foldedInputScale(std::string_view layer) const;

  /// Whether a tensor that isn't quantized changes.
  [[nodiscard]] bool isFolded(std::string_view tensor) const { return m_folds.contains(std::string(tensor)); }
  /// Values of a tensor that isn't quantized, as TensorSource::read gives them, folds applied.
  void read(const CheckpointTensor& tensor, std::uint64_t first, std::span<float> out) const;

 private:
  [[nodiscard]] const InputScaleFold* foldOf(const std::string& tensor) const;
  void applyFolds(std::string_view layer, QuantizedTensor& tensor) const;
  void gatherLayers(const RunContext& context);
  void gatherFolds();

  ExportSource m_source;
  HeadOf m_headOf;
  InputScales m_inputScales;
  std::vector<LayerSummary> m_layers;
  std::map<std::string, const CheckpointTensor*, std::less<>> m_tensors;  // of the quantized layers
  std::map<std::string, std::vector<float>, std::less<>> m_inputScaleOf;  // of the layers that have one
  InputScaleFolds m_folds;
};

}  // namespace qs
