#pragma once

#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/quant/method_info.h"

namespace qs {

// What SmoothQuant and AWQ have in common: one factor for each input, shared by the layers that read it.

/// W·diag(s) of weights [out, in].
[[nodiscard]] Matrix scaledWeights(MatrixView weights, std::span<const float> inputScale, const RunContext& context);

/// The calibration of the layers that share an input (the first one's); throws Error that names the layer which has
/// none, or whose width differs.
[[nodiscard]] const ActivationStats& sharedActivations(std::span<const LayerTask> tasks);

/// Whether the scale of all these layers can be folded into the operation before.
[[nodiscard]] bool mayScaleInputs(std::span<const LayerTask> tasks);

/// One failure for each layer of a group whose shared search failed.
[[nodiscard]] std::vector<LayerOutcome> failEach(std::span<const LayerTask> tasks, const std::string& error,
                                                 const RunContext& context);

inline constexpr const char* kNotFoldableNote =
    "an input scale can't be folded into the operation before this layer: its inputs stay unscaled";

}  // namespace qs
