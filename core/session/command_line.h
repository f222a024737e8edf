#pragma once

#include <string>

#include "core/session/quant_request.h"

namespace qs {

/// The command that repeats a request with quantscope-cli, quoted for a POSIX shell; `format` and `out` as --format and
/// --out want them.
[[nodiscard]] std::string commandLineOf(const std::string& model, const QuantRequest& request,
                                        const std::string& format, const std::string& out);

/// A word as a POSIX shell takes it literally; unquoted where that is safe.
[[nodiscard]] std::string shellQuoted(const std::string& word);

}  // namespace qs
