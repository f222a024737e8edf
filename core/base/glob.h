#pragma once

#include <string_view>

namespace qs {

/// Whether `text` matches the shell pattern: `*` any run of characters (dots included), `?` one character, `[a-c]` and
/// `[!a-c]` sets. The whole text must match.
[[nodiscard]] bool globMatches(std::string_view pattern, std::string_view text);

}  // namespace qs
