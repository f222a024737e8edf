#pragma once

#include <cstddef>

#include "core/base/run_context.h"
#include "core/stats/activation_stats.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Measures changes D of weights by what they do to the outputs: ‖X·Dᵀ‖² over the calibration rows. Through the rows
/// themselves where the sample is whole and has at most in/2 of them, else through the Cholesky factor R of XᵀX = R·Rᵀ,
/// ‖D·R‖² (half the operations of a product with XᵀX). F32 products, F64 sums.
class InputMetric {
 public:
  /// Keeps a reference to the activations' sample. Advances the progress by `progress`.
  InputMetric(const ActivationStats& activations, const RunContext& context, double progress = 0);

  /// ‖X·Dᵀ‖² of changes [rows, in], at most a few hundred rows; one task of about 50 ms, stops between its parts.
  [[nodiscard]] double loss(MatrixView changes, const RunContext& context) const;

 private:
  void factorGram(const ActivationStats& activations, const RunContext& context, double progress);

  MatrixView m_rows;  // X, or Rᵀ
  Matrix m_factor;    // Rᵀ, lower triangular
  bool m_triangular = false;
};

}  // namespace qs
