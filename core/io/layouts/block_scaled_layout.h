#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/io/layouts/packed_tensor.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Floating-point codes of 4 or 8 bits with scales for blocks (OCP MX, NVFP4).
enum class BlockScaledForm : std::uint8_t {
  Nvfp4,  ///< E2M1, an F8_E4M3 scale for 16 inputs, divided by one F32 for the matrix
  Mxfp4,  ///< E2M1, an E8M0 scale for 32 inputs
  Mxfp8,  ///< E4M3, an E8M0 scale for 32 inputs
};

/// The layer that `weight_packed` (U8, the lower nibble first) or `weight`, `weight_scale` and `weight_global_scale`
/// hold. Throws Error (Input) naming layer and component.
[[nodiscard]] QuantizedTensor unpackBlockScaled(const PackedTensors& parts, BlockScaledForm form,
                                                const std::string& layer);

/// F8_E4M3 codes in `weight` with one scale for each block of rows and columns: `scaleSuffix` names the component
/// [ceil(out/rows), ceil(in/cols)].
[[nodiscard]] QuantizedTensor unpackFp8Blocks(const PackedTensors& parts, std::string_view scaleSuffix,
                                              std::uint64_t blockRows, std::uint64_t blockCols,
                                              const std::string& layer);

}  // namespace qs
