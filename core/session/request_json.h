#pragma once

#include <nlohmann/json.hpp>

#include "core/session/quant_request.h"

namespace qs {

/// The whole request as JSON: what a run is keyed by.
[[nodiscard]] nlohmann::json toJson(const QuantRequest& request);

}  // namespace qs
