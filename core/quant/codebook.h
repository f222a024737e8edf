#pragma once

#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// The 16 levels of NF4 (arXiv 2305.14314, appendix E).
[[nodiscard]] std::span<const float> nf4Levels();
/// The values of the 16 codes of E2M1, and of the 256 codes of E4M3 (OCP's microscaling and 8-bit formats). E4M3's two
/// NaN codes are never used; they hold ±480 here, what their bits would mean without NaN, so that tensors stay
/// comparable.
[[nodiscard]] std::vector<float> e2m1Values();
[[nodiscard]] std::vector<float> e4m3Values();

/// The middles between neighbouring levels.
[[nodiscard]] std::vector<float> levelBorders(std::span<const float> levels);
/// Index of the level nearest to a value; levels ascend, and a value half-way takes the lower one.
[[nodiscard]] std::uint8_t nearestLevel(float value, std::span<const float> levels);

/// max |w| of every group of a scheme: [rows, groupsPerRow], or one per tensor.
[[nodiscard]] std::vector<float> groupAbsMax(MatrixView weights, const QuantScheme& scheme, const RunContext& context);

/// Quantizes the scales a second time (NF4 double quantization, QLoRA section 3): mean removed, 8-bit dynamic codes in
/// blocks of 256. `scales` become the decoded values.
[[nodiscard]] NestedScales nestScales(std::vector<float>& scales);
/// bitsandbytes' signed dynamic 8-bit map: 256 ascending values in [−0.993, 1].
[[nodiscard]] std::vector<float> dynamicMap();

}  // namespace qs
