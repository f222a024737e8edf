#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/quant/method_info.h"

namespace qs {

/// For methods that treat each layer by itself: calls `quantizeLayer` for the tasks in order and collects the outcomes.
/// An Error becomes that layer's failure; Cancelled passes through. Advances the progress by 1 a layer, of which
/// `quantizeLayer` may spend up to `ownProgress` itself.
[[nodiscard]] std::vector<LayerOutcome> quantizeEach(std::span<const LayerTask> tasks, const RunContext& context,
                                                     const std::function<LayerOutcome(const LayerTask&)>& quantizeLayer,
                                                     double ownProgress = 0);

/// The layer's calibration; throws Error (Request) where there is none, or its width is not the layer's.
[[nodiscard]] const ActivationStats& requireActivations(const LayerTask& task);

}  // namespace qs
