#pragma once

#include <nlohmann/json.hpp>

#include "core/session/quant_report.h"

namespace qs {

/// A layer's report with its arrays, as a JSON value that only CBOR keeps exactly (it may hold infinity).
[[nodiscard]] nlohmann::json reportToValue(const LayerReport& report);
/// Reads what reportToValue made; throws nlohmann::json::exception where it isn't that.
[[nodiscard]] LayerReport reportFromValue(const nlohmann::json& value);
[[nodiscard]] nlohmann::json schemeToValue(const QuantScheme& scheme);
[[nodiscard]] QuantScheme schemeFromValue(const nlohmann::json& value);

}  // namespace qs
