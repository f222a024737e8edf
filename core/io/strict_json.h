#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace qs {

/// Parses a JSON document as our readers demand it: valid UTF-8, no duplicate keys, at most 64 levels, nothing after
/// it. Throws Error (Input) with `subject`.
[[nodiscard]] nlohmann::json parseStrictJson(std::string_view text, const std::string& subject);

}  // namespace qs
