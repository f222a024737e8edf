#include "core/train/passes/activation_pass.h"

#include "core/train/passes/real_math.h"
#include "core/train/passes/row_tiles.h"

namespace qs {

template <typename T>
RealMatrix<T> activateForward(const MlpSpec& mlp, BasicMatrixView<const T> projected, const RunContext& context) {
  const std::size_t width = mlp.down.in;
  RealMatrix<T> out(projected.rows, width);
  withActivationPoint<T>(mlp.activation, [&](const auto& at) {
    forTrainingRows(projected.rows, context, [&](std::size_t, std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r) {
        const std::span<const T> in = projected.row(r);
        const std::span<T> result = out.row(r);
        for (std::size_t i = 0; i < width; ++i)
          result[i] = mlp.gated ? at(in[i]).value * in[width + i] : at(in[i]).value;
      }
    });
  });
  return out;
}

template <typename T>
RealMatrix<T> activateBackward(const MlpSpec& mlp, BasicMatrixView<const T> projected,
                               BasicMatrixView<const T> outGradient, const RunContext& context) {
  const std::size_t width = mlp.down.in;
  RealMatrix<T> gradient(projected.rows, projected.cols);
  withActivationPoint<T>(mlp.activation, [&](const auto& at) {
    forTrainingRows(projected.rows, context, [&](std::size_t, std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r) {
        const std::span<const T> in = projected.row(r);
        const std::span<const T> own = outGradient.row(r);
        const std::span<T> result = gradient.row(r);
        for (std::size_t i = 0; i < width; ++i) {
          const ActivationPoint<T> point = at(in[i]);
          result[i] = own[i] * point.slope * (mlp.gated ? in[width + i] : T(1));
          if (mlp.gated) result[width + i] = own[i] * point.value;
        }
      }
    });
  });
  return gradient;
}

template RealMatrix<float> activateForward(const MlpSpec&, BasicMatrixView<const float>, const RunContext&);
template RealMatrix<double> activateForward(const MlpSpec&, BasicMatrixView<const double>, const RunContext&);
template RealMatrix<float> activateBackward(const MlpSpec&, BasicMatrixView<const float>, BasicMatrixView<const float>,
                                            const RunContext&);
template RealMatrix<double> activateBackward(const MlpSpec&, BasicMatrixView<const double>,
                                             BasicMatrixView<const double>, const RunContext&);

}  // namespace qs
