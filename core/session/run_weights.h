#pragma once

#include <map>
#include <string>

#include "core/session/fold_input_scales.h"
#include "core/session/quant_report.h"
#include "core/session/run_store.h"
#include "core/session/stored_weights.h"

namespace qs {

/// A model's weights with the layers of a run in place of its own, as an export holds them: quantized values in the
/// scaled domain, input scales folded into the operation before, the inputs of W8A8 layers really quantized, and the
/// norms and biases that were trained. Layers that the run didn't quantize are the checkpoint's. Everything passed in
/// must outlive it.
class RunWeights : public StoredWeights {
 public:
  /// Throws Error (Failed) where a finished layer is missing from the store, or a scale can't be folded.
  RunWeights(const ArchitectureSpec& spec, const Checkpoint& model, const QuantReport& report, const RunStore& store);

  [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear,
                                                     const RunContext& context) const override;
  void headRows(std::size_t first, MatrixSpan out) const override;
  [[nodiscard]] std::vector<float> vector(const std::string& tensor) const override;
  [[nodiscard]] bool quantizesInputs(const LinearSpec& linear) const override;
  void quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const override;

 private:
  struct Layer {
    std::vector<float> inputScale;
    std::optional<ActivationScheme> activations;
  };
  [[nodiscard]] QuantizedTensor load(const std::string& layer) const;

  using TrainedVectors = std::map<std::string, std::vector<float>>;

  const RunStore& m_store;
  TrainedVectors m_trained;
  std::map<std::string, Layer> m_layers;
  InputScaleFolds m_folds;
  std::shared_ptr<const QuantizedTensor> m_head;  // where the head is quantized: it is read in tiles
};

}  // namespace qs
