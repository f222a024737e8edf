#include "core/model/tokenizer/tokenizer_json_fields.h"

#include "core/base/error.h"

namespace qs {

const nlohmann::json& fieldOf(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string requireText(const nlohmann::json& object, std::string_view key, const std::string& subject) {
  const nlohmann::json& value = fieldOf(object, key);
  if (!value.is_string()) throw inputError(subject, "\"" + std::string(key) + "\" is missing or not a text");
  return value.get<std::string>();
}

const nlohmann::json& requireList(const nlohmann::json& object, std::string_view key, const std::string& subject) {
  const nlohmann::json& value = fieldOf(object, key);
  if (!value.is_array()) throw inputError(subject, "\"" + std::string(key) + "\" is missing or not a list");
  return value;
}

bool flagOf(const nlohmann::json& object, std::string_view key, bool fallback) {
  const nlohmann::json& value = fieldOf(object, key);
  return value.is_boolean() ? value.get<bool>() : fallback;
}

std::string textOf(const nlohmann::json& object, std::string_view key, const std::string& fallback) {
  const nlohmann::json& value = fieldOf(object, key);
  return value.is_string() ? value.get<std::string>() : fallback;
}

TextPattern parsePattern(const nlohmann::json& object, const std::string& subject) {
  const nlohmann::json& pattern = fieldOf(object, "pattern");
  const bool isRegex = pattern.is_object() && pattern.contains("Regex");
  TextPattern result{.text = requireText(pattern, isRegex ? "Regex" : "String", subject), .isRegex = isRegex};
  if (result.text.empty()) throw inputError(subject, "\"pattern\" is empty");
  return result;
}

}  // namespace qs
