#include "core/io/importers/quantization_config.h"

#include "core/base/error.h"

namespace qs {

namespace {

const nlohmann::json* valueOf(const nlohmann::json& json, std::string_view key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

std::optional<std::string> QuantizationConfig::text(std::string_view key) const {
  const nlohmann::json* value = valueOf(m_json, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw mismatchError(m_subject, key, "a text", value->dump());
  return value->get<std::string>();
}

std::optional<std::int64_t> QuantizationConfig::integer(std::string_view key) const {
  const nlohmann::json* value = valueOf(m_json, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) throw mismatchError(m_subject, key, "a whole number", value->dump());
  return value->get<std::int64_t>();
}

std::optional<bool> QuantizationConfig::flag(std::string_view key) const {
  const nlohmann::json* value = valueOf(m_json, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) throw mismatchError(m_subject, key, "true or false", value->dump());
  return value->get<bool>();
}

std::int64_t QuantizationConfig::requireInteger(std::string_view key, std::string_view olderKey) const {
  std::optional<std::int64_t> value = integer(key);
  if (!value && !olderKey.empty()) value = integer(olderKey);
  if (!value) throw inputError(m_subject, std::string(key) + ": the key is missing");
  return *value;
}

}  // namespace qs
