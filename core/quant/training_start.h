#pragma once

#include "core/quant/method_info.h"

namespace qs {

/// The settings of the method that a model's training starts from (`start`), out of the training's own.
[[nodiscard]] Settings startSettings(const Settings& settings);

/// Whether a method needs calibration inputs with these settings, which may leave defaults out: always, or because it
/// starts from a method that does.
[[nodiscard]] bool needsCalibration(const MethodInfo& method, const Settings& settings);

}  // namespace qs
