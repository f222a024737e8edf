#pragma once

#include <string>

#include "core/io/formats/gguf_file.h"

namespace qs {

/// A config.json made from the metadata of a GGUF file of a known architecture; empty
/// for others. Throws Error (Input) naming the key where a count is missing or negative.
[[nodiscard]] std::string configFromGguf(const GgufFile& gguf);

}  // namespace qs
