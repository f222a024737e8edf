#pragma once

#include <vector>

#include "core/base/run_context.h"
#include "core/tensor/quantized_tensor.h"
#include "core/train/adam_w.h"
#include "core/train/real_matrix.h"

namespace qs {

/// What of a model is trained.
struct TrainedParts {
  bool weights = true;
  bool steps = true;    ///< step sizes and zero points
  bool vectors = true;  ///< norms and biases
  bool operator==(const TrainedParts&) const = default;
};

/// One linear's weights behind their quantization (LSQ, arXiv 1902.08153): latent weights with a learned step
/// and zero point a unit, reached by the straight-through estimator. Starts from a quantized tensor and gives exactly
/// that back until something was updated. Deterministic for any thread count. About 14 bytes a weight.
class FakeQuantizer {
 public:
  /// `weights` [out, in] are the unquantized ones. The latent weights are those nearest to them that round to the
  /// start's codes.
  FakeQuantizer(MatrixView weights, QuantizedTensor start, const TrainedParts& parts, const RunContext& context);

  /// Lets the weights that read large inputs learn in smaller steps, so that a step changes the outputs alike wherever
  /// it is taken: rates are divided by how often the median input's size goes into `inputSizes` [in].
  void setInputSizes(std::span<const float> inputSizes);

  /// The effective weights, in the original domain.
  void quantize(BasicMatrixView<float> weights, const RunContext& context) const;

  /// Takes ∂L/∂(effective weights), which is used up: afterwards it is the latent weights' gradient. Returns the sum of
  /// squares of all gradients that are trained.
  double takeGradient(BasicMatrixView<float> gradient, const RunContext& context);
  /// One step with the gradients taken (the latent weights' in `gradient`), each multiplied by `clip`.
  void update(BasicMatrixView<const float> gradient, float clip, const AdamWStep& weights, const AdamWStep& steps,
              const RunContext& context);

  /// Codes, scales and zero points as they are now.
  [[nodiscard]] QuantizedTensor tensor(const RunContext& context) const;

  /// Everything that later steps depend on, in a fixed order: for checkpoints.
  [[nodiscard]] std::vector<std::vector<float>*> state();

 private:
  struct Unit {
    float step = 1;
    float zero = 0;
    float low = 0;
    float high = 0;
  };
  struct Learned {
    std::vector<float> value, first, second, gradient, rate;
  };
  [[nodiscard]] Unit unit(std::size_t index) const;
  void makeLatent(MatrixView weights, const RunContext& context);
  void makeUnits();
  template <typename Body>
  void forRuns(std::size_t row, const Body& body) const;

  QuantizedTensor m_start;  ///< codes dropped once the latent weights exist
  TrainedParts m_parts;
  std::vector<float> m_latent, m_first, m_second;
  Learned m_steps;
  Learned m_zeros;
  std::vector<float> m_smallestStep;
  std::vector<float> m_columnRate;             ///< empty = 1
  std::vector<double> m_rowSteps, m_rowZeros;  ///< one unit for the matrix: each row's part
};

}  // namespace qs
