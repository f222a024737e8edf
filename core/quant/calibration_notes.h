#pragma once

#include <optional>
#include <string>

#include "core/quant/method_info.h"

namespace qs {

/// Calibration rows that are advisable for each input of a layer.
inline constexpr std::uint64_t kAdvisableTokensPerInput = 4;

/// A warning where the layer has fewer calibration rows than inputs (its Gram matrix is singular then), else nothing.
[[nodiscard]] std::optional<std::string> tooFewTokensNote(const ActivationStats& activations);

/// The layer's calibration with its Gram matrix; throws Error that names the layer where either is missing or all
/// zero, the width differs, or the Gram matrix has overflowed.
[[nodiscard]] const ActivationStats& requireGram(const LayerTask& task);

}  // namespace qs
