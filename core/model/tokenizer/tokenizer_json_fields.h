#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace qs {

// Access to the fields of tokenizer.json's nested objects. All throw Error (Input) naming the field.

[[nodiscard]] std::string requireText(const nlohmann::json& object, std::string_view key, const std::string& subject);
[[nodiscard]] const nlohmann::json& requireList(const nlohmann::json& object, std::string_view key,
                                                const std::string& subject);
/// The value of a key, null where absent.
[[nodiscard]] const nlohmann::json& fieldOf(const nlohmann::json& object, std::string_view key);
/// A boolean, or `fallback` where absent or of another kind.
[[nodiscard]] bool flagOf(const nlohmann::json& object, std::string_view key, bool fallback);
[[nodiscard]] std::string textOf(const nlohmann::json& object, std::string_view key, const std::string& fallback);

/// A "pattern": {"String": …} or {"Regex": …}. Never empty.
struct TextPattern {
  std::string text;
  bool isRegex = false;
};
[[nodiscard]] TextPattern parsePattern(const nlohmann::json& object, const std::string& subject);

}  // namespace qs
