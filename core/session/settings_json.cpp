#include "core/session/settings_json.h"

#include <cmath>

#include "core/base/error.h"

namespace qs {

nlohmann::json toJson(const ParamValue& value) {
  return std::visit([](const auto& held) { return nlohmann::json(held); }, value);
}

nlohmann::json toJson(const Settings& settings) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [key, value] : settings.values()) json[key] = toJson(value);
  return json;
}

Settings settingsFromJson(const nlohmann::json& json, const std::string& file) {
  if (!json.is_object()) throw inputError(file, "settings: expected an object");
  Settings settings;
  for (const auto& [key, value] : json.items()) {
    if (value.is_boolean())
      settings.set(key, value.get<bool>());
    else if (value.is_number_integer())
      settings.set(key, value.get<std::int64_t>());
    else if (value.is_number_float())
      settings.set(key, value.get<double>());
    else if (value.is_string())
      settings.set(key, value.get<std::string>());
    else
      throw inputError(file, "setting '" + key + "': expected a number, true, false or a text");
  }
  return settings;
}

nlohmann::json finiteOrNull(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace qs
