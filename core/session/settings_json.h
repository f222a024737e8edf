#pragma once

#include <nlohmann/json.hpp>

#include "core/quant/settings.h"

namespace qs {

/// A setting as JSON: true, 4, 0.5, "mse".
[[nodiscard]] nlohmann::json toJson(const ParamValue& value);
[[nodiscard]] nlohmann::json toJson(const Settings& settings);
/// The value as it stands in the JSON; kinds are checked by resolveSettings. Throws Error (Input) for null and nested
/// values, naming the setting.
[[nodiscard]] Settings settingsFromJson(const nlohmann::json& json, const std::string& file);
/// A number for JSON, which has no infinity and no NaN: null stands for them.
[[nodiscard]] nlohmann::json finiteOrNull(double value);

}  // namespace qs
