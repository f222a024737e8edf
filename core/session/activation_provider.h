#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/base/run_context.h"
#include "core/session/quant_request.h"
#include "core/stats/activation_accumulator.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Where a run gets the statistics of its layers' inputs from. Not thread-safe: a run asks from one thread, turn by
/// turn and in model order.
class ActivationProvider {
 public:
  virtual ~ActivationProvider() = default;
  ActivationProvider() = default;
  ActivationProvider(const ActivationProvider&) = delete;
  ActivationProvider& operator=(const ActivationProvider&) = delete;
  ActivationProvider(ActivationProvider&&) = delete;
  ActivationProvider& operator=(ActivationProvider&&) = delete;

  /// Statistics of the input [tokens, inputs] that these layers share; null where there is none. Throws Error (Input)
  /// naming file and tensor where it doesn't fit or isn't finite: that fails these layers only.
  [[nodiscard]] virtual std::shared_ptr<const ActivationStats> statsFor(std::span<const std::string> layers,
                                                                        std::size_t inputs,
                                                                        const RunContext& context) = 0;
  /// A layer's place in the order in which statistics must be asked for: a layer of a later turn only after those of
  /// all earlier turns were quantized. 0 for all where the order doesn't matter.
  [[nodiscard]] virtual std::size_t turnOf(const std::string& layer) const {
    static_cast<void>(layer);
    return 0;
  }
  /// Told of each quantized layer that has a turn, before the next turn's statistics are asked for.
  virtual void layerQuantized(const std::string& layer, const QuantizedTensor& tensor) {
    static_cast<void>(layer);
    static_cast<void>(tensor);
  }
};

/// What to gather for a request's methods: the Gram matrix, but where none of them needs it and `rows` rows of `inputs`
/// channels measure the output error as well without; the drift where one of them matches the original's outputs in
/// sequential calibration.
[[nodiscard]] ActivationOptions activationOptionsOf(const QuantRequest& request, std::uint64_t rows,
                                                    std::size_t inputs);

/// The provider that the request names, or null without calibration. Throws Error (Input).
[[nodiscard]] std::unique_ptr<ActivationProvider> makeActivationProvider(const Checkpoint& model,
                                                                         const QuantRequest& request);

}  // namespace qs
