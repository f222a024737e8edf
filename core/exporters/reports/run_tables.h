#pragma once

#include <span>

#include "core/exporters/reports/run_report_json.h"
#include "core/exporters/reports/text_table.h"

namespace qs {

/// The comparison table of finished runs, one row a run, numbers exact.
[[nodiscard]] TextTable comparisonTable(std::span<const RunRow> runs);
/// One row a layer of a run.
[[nodiscard]] TextTable layerTable(const QuantReport& report);

/// The data behind a layer's plots, as shown.
[[nodiscard]] TextTable histogramTable(const LayerReport& layer);  ///< bin_low, bin_high, before, after
[[nodiscard]] TextTable channelTable(const ChannelBands& bands);   ///< channel, p0 … p100, abs_max, rms_error
[[nodiscard]] TextTable curveTable(const MethodCurve& curve);      ///< x and y under their labels

}  // namespace qs
