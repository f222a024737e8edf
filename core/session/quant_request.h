#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/quant/method_info.h"
#include "core/quant/settings.h"
#include "core/session/layer_filter.h"

namespace qs {

/// Other settings for the layers that a glob names; the last match wins, setting by setting.
struct LayerOverride {
  std::string glob;
  bool skip = false;
  std::string method;  ///< empty = the request's
  Settings settings;   ///< only what differs
  bool operator==(const LayerOverride&) const = default;
};

/// Where calibration inputs come from.
struct CalibrationSource {
  std::filesystem::path activationsFile;  ///< `<layer>.input` tensors; empty = none
  std::filesystem::path textFile;  ///< runModel: text that the model is run over (demo_model.h: the built-in one)
  bool runModel = false;           ///< calibrate by running the model over the text
  int holdOutEvery = 0;            ///< keep every Nth row out of calibration; 0 = none
  std::size_t window = 0;          ///< runModel: tokens of a window; 0 = the largest that fits, at most 2,048
  std::size_t windows = 0;         ///< runModel: how many; 0 = all up to 32,768 tokens
  /// runModel: a layer sees what the quantized layers before it give, not the unquantized model's inputs.
  bool sequential = false;
  bool operator==(const CalibrationSource&) const = default;
};

/// Everything that decides a run's result.
struct QuantRequest {
  std::string method = "rtn";
  Settings settings;  ///< overrides of the method's defaults
  LayerFilter layers;
  std::vector<LayerOverride> overrides;
  std::vector<std::string> shareInput;  ///< globs of layers that read the same input
  CalibrationSource calibration;
  std::filesystem::path trainingText;  ///< what methods that train the model train on; never the evaluation text
  ScaleType scaleType = ScaleType::F32;
  std::uint64_t seed = 0;
  bool operator==(const QuantRequest&) const = default;
};

/// The method and complete settings for one layer, or nothing when it is skipped. Throws Error (Request).
struct LayerPlan {
  const MethodInfo* method = nullptr;
  Settings settings;
};
[[nodiscard]] std::optional<LayerPlan> planLayer(const QuantRequest& request, std::string_view layer);

/// Whether the request's overrides leave the layer out.
[[nodiscard]] bool isSkipped(const QuantRequest& request, std::string_view layer);

/// Whether the request names a source of calibration inputs.
[[nodiscard]] bool hasCalibration(const QuantRequest& request);

/// Whether a method of the request needs calibration inputs and it names no source of them.
[[nodiscard]] bool lacksCalibration(const QuantRequest& request);

/// Checks everything that can be known without a model; throws Error (Request) for the first fault.
void validateRequest(const QuantRequest& request);

}  // namespace qs
