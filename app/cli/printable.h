#pragma once

#include <string>
#include <string_view>

namespace qs::cli {

/// A text as a terminal and a reader of lines may have it: control characters (of ASCII, and U+0080 to U+009F) are
/// written as "\n", "\t", "\x1b", "\u009b". Names and metadata come from files of strangers.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace qs::cli
