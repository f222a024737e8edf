#pragma once

#include <cstdint>
#include <string>

#include "core/io/layouts/packed_tensor.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Storage forms of compressed-tensors.
enum class CompressedForm : std::uint8_t {
  Packed,  ///< pack-quantized: dense words along the inputs
  Int,     ///< int-quantized: I8 [out, in]
  Float,   ///< float-quantized: F8_E4M3 [out, in]
};

/// The components of a layer; `scaleType` is the model's dtype (F16, BF16 or F32). Offset binary codes; zero points
/// only when asymmetric; a group index only where the tensor has one; `input_scale`, and
/// `input_zero_point` (I8) unless symmetric, for static activations. Throws
/// Error (Failed).
[[nodiscard]] PackedTensors packCompressed(const QuantizedTensor& tensor, CompressedForm form, DType scaleType,
                                           const std::string& layer);

/// What the configuration group of a layer says.
struct CompressedScheme {
  CompressedForm form = CompressedForm::Packed;
  int bits = 4;
  bool symmetric = true;
  std::int64_t groupSize = kPerChannel;
};

/// The layer that the components hold, in both layouts of packed words (dense, and the older one with unused top bits).
/// Throws Error (Input) naming layer and component.
[[nodiscard]] QuantizedTensor unpackCompressed(const PackedTensors& parts, const CompressedScheme& scheme,
                                               const std::string& layer);

}  // namespace qs
