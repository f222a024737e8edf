#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/weight_rows.h"
#include "core/quant/param_spec.h"
#include "core/quant/settings.h"
#include "core/stats/activation_stats.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// One layer to quantize. The views stay valid during the call.
struct LayerTask {
  std::string name;    ///< the weight tensor without ".weight"
  WeightRows weights;  ///< [out, in], finite values only; a matrix unless the method readsRows
  const ActivationStats* activations = nullptr;  ///< null without calibration
  bool mayScaleInput = true;  ///< false where an input scale could not be folded into the operation before
};

/// A curve that a method leaves in the report: the loss of a search or of a training, over its parameter or step.
struct MethodCurve {
  std::string title;  ///< "Loss over exponent"
  std::string xLabel;
  std::string yLabel;
  std::vector<double> x;
  std::vector<double> y;
  bool operator==(const MethodCurve&) const = default;
};

/// What a method says of one layer. Exactly one of `tensor` and `error` is set.
struct LayerOutcome {
  std::optional<QuantizedTensor> tensor;
  std::string error;                      ///< why the layer failed; empty when it didn't
  std::vector<std::string> notes;         ///< e.g. "damping raised to 0.1"; shown with the layer
  std::map<std::string, double> figures;  ///< named numbers, e.g. "predicted_loss"
  std::vector<MethodCurve> curves;
  /// ‖X Wᵀ − X Ŵᵀ‖² / ‖X Wᵀ‖² over the calibration, where the method measured it (weightOnlyErrorSums): it costs much.
  std::optional<double> outputError;
};

/// Called now and then with the curve as far as it has come (a training's loss); may be empty. Any thread.
using CurveObserver = std::function<void(const std::string& layer, const MethodCurve& curve)>;

/// How a run wants its numbers stored, beside the method's own settings.
struct QuantizeOptions {
  ScaleType scaleType = ScaleType::F32;
  std::uint64_t seed = 0;
  CurveObserver curveObserver;
};

/// Quantizes layers that read the same input (one layer, or q/k/v, or gate/up): methods that scale inputs share the
/// scale over them. Settings are resolved. Returns one outcome a layer, in order. Deterministic for any thread count;
/// progress advances by 1 a layer (in fractions when a layer takes long). Throws Cancelled; never throws for one bad
/// layer.
using QuantizeFunction = std::function<std::vector<LayerOutcome>(std::span<const LayerTask>, const Settings&,
                                                                 const QuantizeOptions&, const RunContext&)>;

/// The scheme of the layers that those (resolved) settings make; scales are stored as `scaleType` where the method
/// leaves the choice.
using SchemeFunction = std::function<QuantScheme(const Settings&, ScaleType)>;

/// A quantization method: what it is called, what it needs, its parameters and its code.
struct MethodInfo {
  std::string id;       ///< as on the command line, e.g. "int8-dynamic"
  std::string name;     ///< as shown, e.g. "INT8 dynamic"
  std::string summary;  ///< one sentence
  std::string source;   ///< paper or specification
  bool needsCalibration = false;
  bool scalesInputs = false;          ///< produces input scales (SmoothQuant, AWQ)
  bool quantizesActivations = false;  ///< W8A8
  bool readsRows = false;             ///< takes weights that are widened as they are read, not a matrix
  bool trainsModel = false;           ///< trained in a model's context: `quantize` gives the training's start alone
  int colorSlot = 1;                  ///< fixed colour of the method in every chart (ui/support/palette)
  bool roundsOnly = false;            ///< rounds each (scaled) weight to nearest: an encoder may round the original too
  std::vector<ParamSpec> parameters;
  SchemeFunction scheme = integerScheme;
  QuantizeFunction quantize;

  [[nodiscard]] const ParamSpec* parameter(std::string_view key) const;
};

}  // namespace qs
