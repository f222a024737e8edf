#pragma once

#include "core/io/checkpoint.h"

namespace qs {

/// Whether the contents come from our own `safetensors` export: its metadata name the producer, and there are codes.
[[nodiscard]] bool isStoredCodes(const Checkpoint::Contents& contents);

/// Replaces the components of each layer of our own `safetensors` export (`.codes`, `.scales`, `.zero_points`,
/// `.codebook`, `.g_idx`, `.smooth_scale` or `.awq_scale`) by one logical tensor `<layer>.weight` that is decoded
/// lazily, in the original domain. Other contents stay as they are. Throws Error (Input) naming file, layer and field.
void importStoredCodes(Checkpoint::Contents& contents);

}  // namespace qs
