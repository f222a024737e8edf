#pragma once

#include "core/base/run_context.h"
#include "core/quant/method_info.h"
#include "core/session/quant_report.h"
#include "core/session/run_groups.h"
#include "core/stats/activation_stats.h"
#include "core/stats/weight_stats.h"

namespace qs {

/// A report that says what the layer is and how it is to be quantized, nothing measured yet.
[[nodiscard]] LayerReport reportHead(const PlannedLayer& layer);

/// Fills in everything that depends on no setting: `before` histogram (where it is counted), bands and outliers.
void addDescription(const WeightDescription& description, LayerReport& report);

/// Fills in everything that comes from a method's outcome. `weights` are the original weights [out, in]; `report` holds
/// reportHead() and addDescription(). A failed outcome only sets the error. `inputs` may be null, else the weights are
/// a matrix; `maps` are filled where there are any. Throws Cancelled.
void measureOutcome(const WeightRows& weights, const WeightDescription& description, const LayerOutcome& outcome,
                    const ActivationStats* inputs, LayerReport& report, const RunContext& context,
                    ComparisonMaps* maps = nullptr);

}  // namespace qs
