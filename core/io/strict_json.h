#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace qs {

/// Parses a JSON document as our readers demand it: valid UTF-8, no duplicate keys, at most 64 levels, nothing after
/// it. Throws Error (Input) with `subject`.
[[nodiscard]] nlohmann::json parseStrictJson(std::string_view text, const std::string& subject);

/// The keys of the objects that stand under the key `object`, in the text's order; nlohmann-json sorts them. The text
/// is valid JSON.
[[nodiscard]] std::vector<std::string> keysInOrder(std::string_view text, std::string_view object);

}  // namespace qs
