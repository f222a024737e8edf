#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/tensor/dtype.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

/// What --gguf-type names: one type for all quantized layers, or a mix.
struct GgufTypeChoice {
  std::string_view id;  ///< as on the command line
  DType type = DType::F16;
  std::uint32_t fileType = 1;  ///< general.file_type, which has a numbering of its own
  bool isMix = false;          ///< q4_k_m: some attention values, half of the down projections and the head in Q6_K
};

[[nodiscard]] std::span<const GgufTypeChoice> ggufTypeChoices();
/// Throws Error (Request) that lists the known ids.
[[nodiscard]] const GgufTypeChoice& requireGgufType(std::string_view id);

/// Whether blocks of the type hold codes of the scheme as they are: same values, to the bit (a scale that covers
/// several blocks is repeated). Layers with a group index are another matter.
[[nodiscard]] bool holdsExactly(DType type, const QuantScheme& scheme);

/// The type that holds the scheme exactly and has its number of bits; nothing where none does.
[[nodiscard]] const GgufTypeChoice* exactGgufType(const QuantScheme& scheme);

/// What to change where no type holds a scheme: the nearest types, and the settings of the nearest that is held.
[[nodiscard]] std::string nearestGgufTypes(const QuantScheme& scheme);

/// The type of one layer: the choice's, or what the mix gives it, or, where the row of `cols` inputs is no whole number
/// of blocks, a type of 32-element blocks, or F16.
[[nodiscard]] DType ggufTypeOf(const GgufTypeChoice& choice, std::string_view layer, int block, int blocks,
                               std::uint64_t cols);

}  // namespace qs
