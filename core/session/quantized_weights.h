#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/model/runner/checkpoint_weights.h"
#include "core/session/run_store.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// A model run from its quantized values: linears that the run store holds are dequantized from their codes, their
/// inputs quantized where the method does so (W8A8); everything else comes from the checkpoint. An input scale s is
/// undone on both sides: inputs are quantized as x/s and the weights are Ŵ'/s, which is what the folded model computes.
/// A dynamic per-tensor input scale is taken a token at a time, as in decoding one token. `spec`, `model` and `store`
/// must outlive it.
class QuantizedWeights final : public CheckpointWeights {
 public:
  QuantizedWeights(const ArchitectureSpec& spec, const Checkpoint& model, const RunStore& store)
      : CheckpointWeights(spec, model), m_store(store) {}

  [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear,
                                                     const RunContext& context) const override;
  [[nodiscard]] bool quantizesInputs(const LinearSpec& linear) const override;
  void quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const override;

 private:
  struct InputQuantizer {
    std::optional<ActivationScheme> scheme;
    std::vector<float> scale;  ///< empty = none
  };
  [[nodiscard]] const InputQuantizer& quantizerOf(const LinearSpec& linear) const;
  const InputQuantizer& remember(const std::string& layer, const QuantizedTensor& tensor) const;

  const RunStore& m_store;
  mutable std::mutex m_mutex;
  mutable std::map<std::string, InputQuantizer, std::less<>> m_quantizers;
};

}  // namespace qs
