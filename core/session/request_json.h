#pragma once

#include <nlohmann/json.hpp>

#include "core/session/quant_request.h"

namespace qs {

/// The whole request as JSON: what a run is keyed by, and what sessions save.
[[nodiscard]] nlohmann::json toJson(const QuantRequest& request);
/// Reads what toJson wrote; missing fields keep their defaults. Throws Error (Input) naming `file`.
[[nodiscard]] QuantRequest requestFromJson(const nlohmann::json& json, const std::string& file);

}  // namespace qs
