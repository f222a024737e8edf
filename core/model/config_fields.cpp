#include "core/model/config_fields.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace qs {

namespace {

/// The value as it may stand in a message: never a whole array.
std::string shortText(const nlohmann::json& value) {
  const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  constexpr std::size_t kLongest = 60;
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "…";
}

std::optional<double> finiteNumber(const nlohmann::json& value) {
  if (!value.is_number()) return std::nullopt;
  const double number = value.get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<int> tokenId(const nlohmann::json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < -1 || number > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(number);
}

}  // namespace

ConfigFields::ConfigFields(nlohmann::json values, std::string subject)
    : m_values(std::move(values)), m_subject(std::move(subject)) {}

ConfigFields ConfigFields::parse(std::string_view text, std::string subject) {
  nlohmann::json values = nlohmann::json::parse(text, nullptr, false);
  if (values.is_discarded()) throw inputError(std::move(subject), "not valid JSON");
  if (!values.is_object()) throw inputError(std::move(subject), "expected a JSON object");
  return {std::move(values), std::move(subject)};
}

const nlohmann::json* ConfigFields::find(std::string_view key) const {
  const auto found = m_values.find(key);
  return found == m_values.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigFields::mentions(std::string_view key) const { return m_values.contains(key); }

void ConfigFields::refuse(std::string_view key, std::string_view expected) const {
  const nlohmann::json* value = find(key);
  throw mismatchError(m_subject, key, expected, value == nullptr ? "nothing" : shortText(*value));
}

std::optional<std::size_t> ConfigFields::size(std::string_view key, std::size_t largest) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const std::string expected = "a whole number from 1 to " + std::to_string(largest);
  if (!value->is_number_integer()) refuse(key, expected);
  if (value->is_number_unsigned() ? value->get<std::uint64_t>() > largest : value->get<std::int64_t>() < 1)
    refuse(key, expected);
  const auto number = value->get<std::uint64_t>();
  if (number < 1 || number > largest) refuse(key, expected);
  return static_cast<std::size_t>(number);
}

std::size_t ConfigFields::requireSize(std::string_view key, std::size_t largest) const {
  const std::optional<std::size_t> value = size(key, largest);
  if (!value) refuse(key, "a whole number from 1 to " + std::to_string(largest));
  return *value;
}

std::optional<double> ConfigFields::number(std::string_view key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<double> number = finiteNumber(*value);
  if (!number) refuse(key, "a number");
  return number;
}

double ConfigFields::positive(std::string_view key, double fallback) const {
  const double value = number(key).value_or(fallback);
  if (!(value > 0)) refuse(key, "a number above 0");
  return value;
}

bool ConfigFields::flag(std::string_view key, bool fallback) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

std::optional<std::string> ConfigFields::text(std::string_view key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(key, "a text");
  return value->get<std::string>();
}

std::optional<std::vector<double>> ConfigFields::numbers(std::string_view key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) refuse(key, "a list of numbers");
  std::vector<double> result;
  for (const nlohmann::json& item : *value) {
    const std::optional<double> number = finiteNumber(item);
    if (!number) refuse(key, "a list of numbers");
    result.push_back(*number);
  }
  return result;
}

std::optional<std::vector<std::string>> ConfigFields::texts(std::string_view key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) refuse(key, "a list of texts");
  std::vector<std::string> result;
  for (const nlohmann::json& item : *value) {
    if (!item.is_string()) refuse(key, "a list of texts");
    result.push_back(item.get<std::string>());
  }
  return result;
}

std::vector<int> ConfigFields::ids(std::string_view key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return {};
  const nlohmann::json list = value->is_array() ? *value : nlohmann::json::array({*value});
  std::vector<int> result;
  for (const nlohmann::json& item : list) {
    const std::optional<int> id = tokenId(item);
    if (!id) refuse(key, "a token id or a list of them");
    if (*id >= 0) result.push_back(*id);  // -1 is how some files say "none"
  }
  return result;
}

std::optional<ConfigFields> ConfigFields::object(std::string_view key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) refuse(key, "an object");
  return ConfigFields(*value, m_subject + ": " + std::string(key));
}

}  // namespace qs
