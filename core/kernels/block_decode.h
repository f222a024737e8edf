#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "core/tensor/dtype.h"

namespace qs {

/// The sixteen values of IQ4_NL and IQ4_XS codes.
inline constexpr std::array<float, 16> kIq4Codebook{-127, -104, -83, -65, -49, -35, -22, -10,
                                                    1,    13,   25,  38,  53,  69,  89,  113};

/// Whether `type` is one of GGUF's block types.
[[nodiscard]] bool isBlockType(DType type);

/// Decodes whole blocks of a GGUF type to F32 (ggml's quants). `bytes` holds exactly
/// out.size() / blockElements blocks; out.size() is a multiple of the block. Any alignment. Not for scalar types.
void decodeBlocks(DType type, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace qs
