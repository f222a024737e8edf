#pragma once

#include <functional>
#include <vector>

#include "core/base/run_context.h"
#include "core/quant/lsq.h"
#include "core/stats/activation_stats.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Trains one layer's rounding (LSQ, arXiv 1902.08153): latent weights and steps descend ‖X(W − Ŵ)ᵀ‖² / ‖X·Wᵀ‖², in
/// full batch through XᵀX, by Adam with cosine decay. F32 matrices, F64 sums; the result doesn't depend on the thread
/// count. Memory: in² floats and about 18 bytes a weight.
class QatTrainer {
 public:
  /// Starts from the grids that leave the least weight error. `weights` must outlive the trainer. This and each forward
  /// pass of the training advance the progress by `passProgress`.
  QatTrainer(MatrixView weights, const QuantScheme& scheme, const ActivationStats& activations,
             const RunContext& context, double passProgress = 0);

  /// ‖X·Wᵀ‖²; where it is 0 there is nothing to train.
  [[nodiscard]] double reference() const { return m_reference; }

  /// Takes that many steps; calls `observe` after each forward pass (steps + 1 of them) with the relative loss.
  void train(int steps, const RunContext& context, const std::function<void(int step, double loss)>& observe);

  /// The best step seen, the start included, and its relative loss.
  [[nodiscard]] double bestLoss() const { return m_bestLoss; }
  [[nodiscard]] int bestStep() const { return m_bestStep; }
  [[nodiscard]] QuantizedTensor takeBest();

 private:
  struct Tile;
  void scaleGram(const ActivationStats& activations, const RunContext& context);
  void start(const RunContext& context);
  double pass(int step, int steps, bool update, const RunContext& context);
  void passTile(Tile& tile, AdamStep adam, bool update, const RunContext& context);
  double multiplyByGram(const Matrix& changes, Matrix& product, const RunContext& context) const;
  void updateUnits(int step, double decay);
  [[nodiscard]] LsqUnit unit(std::size_t index) const;

  MatrixView m_weights;
  QuantScheme m_scheme;
  double m_passProgress;
  Matrix m_gram;  // XᵀX · 2 / ‖X·Wᵀ‖²
  double m_reference = 0;
  float m_weightRate = 0;
  Matrix m_latent;
  Matrix m_first;  // Adam's moments
  Matrix m_second;
  struct UnitState {
    std::vector<float> value, first, second, gradient, rate;
  };
  UnitState m_steps;
  UnitState m_zeros;
  std::vector<float> m_smallestStep;
  QuantizedTensor m_now;
  QuantizedTensor m_best;
  double m_bestLoss = 0;
  int m_bestStep = 0;
};

}  // namespace qs
