#pragma once

#include <QString>
#include <cstdint>
#include <optional>

#include "core/session/quant_report.h"

namespace qs {

/// What a layer is measured by.
enum class LayerMetric : std::uint8_t { RelativeError, OutputError, Sqnr, MeanSquaredError, Bits };

/// A layer's figure; nothing where there is no report, the layer failed, or it was not measured.
[[nodiscard]] std::optional<double> valueOf(const LayerReportPtr& report, LayerMetric metric);
/// "relative weight error"
[[nodiscard]] QString metricName(LayerMetric metric);
/// The same where the unit stands with the value: "SQNR".
[[nodiscard]] QString metricLabel(LayerMetric metric);
/// Title of an axis, with its unit: "weight error (%)".
[[nodiscard]] QString metricTitle(LayerMetric metric);
/// Title of an axis of differences between two runs: "A − B: weight error (% points)".
[[nodiscard]] QString differenceTitle(LayerMetric metric);
/// What a value is multiplied with on its axis.
[[nodiscard]] double axisScale(LayerMetric metric);
/// +1 where more is better, −1 where less is.
[[nodiscard]] int preference(LayerMetric metric);
[[nodiscard]] QString valueText(LayerMetric metric, const std::optional<double>& value);
/// A difference of two values with its sign and unit: "−0.884 % points", "+2.1 dB".
[[nodiscard]] QString differenceText(LayerMetric metric, double difference);

}  // namespace qs
