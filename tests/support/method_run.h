#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/quant/method_registry.h"

namespace qs::test {

/// A method's outcome for one layer, in an arena of that many threads.
[[nodiscard]] LayerOutcome runMethod(const std::string& method, const Matrix& weights, const Settings& overrides,
                                     const ActivationStats* activations = nullptr, int threads = 1,
                                     ScaleType scaleType = ScaleType::F32);
/// As runMethod; throws std::runtime_error with the layer's error where it failed.
[[nodiscard]] QuantizedTensor runMethodOk(const std::string& method, const Matrix& weights, const Settings& overrides,
                                          const ActivationStats* activations = nullptr, int threads = 1,
                                          ScaleType scaleType = ScaleType::F32);

/// The outcomes of layers that are given to the method at once.
[[nodiscard]] std::vector<LayerOutcome> runLayers(const std::string& method, std::span<const LayerTask> tasks,
                                                  const Settings& overrides, int threads = 2);

/// Calibration of inputs [tokens, in], computed plainly: every row in the sample, batches of `batchTokens` rows.
[[nodiscard]] ActivationStats statsOf(const Matrix& inputs, std::size_t batchTokens = 64);

}  // namespace qs::test
