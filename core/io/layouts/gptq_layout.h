#pragma once

#include <cstddef>
#include <string>

#include "core/io/layouts/packed_tensor.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// How GPTQ checkpoints store zero points: v1 minus one, v2 as they are.
enum class GptqVersion { V1, V2 };

/// qweight, qzeros, scales (F16) and g_idx of a layer (as AutoGPTQ stores them). 2, 3, 4 or 8 bits; rows and cols are
/// multiples of 32; v1 needs every zero point at least 1. Throws Error (Failed) naming the layer otherwise.
[[nodiscard]] PackedTensors packGptq(const QuantizedTensor& tensor, GptqVersion version, const std::string& layer);

/// What a GPTQ checkpoint's configuration says.
struct GptqScheme {
  int bits = 4;
  std::int64_t groupSize = kPerChannel;
  bool symmetric = false;
  GptqVersion version = GptqVersion::V1;
};

/// What a symmetric layer's zero points are.
enum class GptqZeroPoints {
  Middle,                ///< 2^(b−1), as they must be
  MiddleOfOtherVersion,  ///< labelled v1, stored as v2 does
  Other,
};
/// `zeros` is I32 [groups, words] of a layer with `outputs` rows; words beyond those are not looked at.
[[nodiscard]] GptqZeroPoints zeroPointsOf(const PackedTensor& zeros, std::size_t outputs, const GptqScheme& scheme);

/// The layer that the components hold. With `symmetric` all zero points must be 2^(b−1); a file that is labelled v1 and
/// holds v2's fields there is read as v2. Throws Error (Input) naming layer and component.
[[nodiscard]] QuantizedTensor unpackGptq(const PackedTensors& parts, const GptqScheme& scheme,
                                         const std::string& layer);

}  // namespace qs
