#include "core/train/passes/norm_pass.h"

#include <cmath>

#include "core/train/passes/row_tiles.h"

namespace qs {

namespace {

struct RowMoments {
  double mean = 0;
  double scale = 1;  ///< 1 / standard deviation, or 1 / root mean square
};

template <typename T>
RowMoments momentsOf(const NormSpec& norm, std::span<const T> in) {
  const auto size = static_cast<double>(in.size());
  RowMoments moments;
  if (norm.kind == NormKind::Layer) {
    double sum = 0;
    for (const T value : in) sum += static_cast<double>(value);
    moments.mean = sum / size;
  }
  double squares = 0;
  for (const T value : in) {
    const double centred = static_cast<double>(value) - moments.mean;
    squares += centred * centred;
  }
  moments.scale = 1.0 / std::sqrt(squares / size + norm.epsilon);
  return moments;
}

double plusOf(const NormSpec& norm) { return norm.kind == NormKind::RmsPlusOne ? 1.0 : 0.0; }

template <typename T>
std::span<const T> biasOf(const NormSpec& norm, const TensorMap<T>& tensors) {
  return norm.kind == NormKind::Layer ? tensors.at(norm.name + ".bias").values() : std::span<const T>();
}

}  // namespace

template <typename T>
void normRowForward(const NormSpec& norm, std::span<const T> weight, std::span<const T> bias, std::span<const T> in,
                    std::span<T> out) {
  const RowMoments moments = momentsOf(norm, in);
  const double plus = plusOf(norm);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double normed = (static_cast<double>(in[i]) - moments.mean) * moments.scale;
    const double value = normed * (plus + static_cast<double>(weight[i]));
    out[i] = static_cast<T>(bias.empty() ? value : value + static_cast<double>(bias[i]));
  }
}

// With x̂ the normalized row and d = ∂L/∂out ∘ w: ∂L/∂in = scale · (d − x̂·mean(d∘x̂) [− mean(d) for layer norms]).
template <typename T>
void normRowBackward(const NormSpec& norm, std::span<const T> weight, std::span<const T> in,
                     std::span<const T> outGradient, std::span<T> inGradient, std::span<double> weightGradient,
                     std::span<double> biasGradient) {
  const RowMoments moments = momentsOf(norm, in);
  const double plus = plusOf(norm);
  double sum = 0;
  double dot = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double normed = (static_cast<double>(in[i]) - moments.mean) * moments.scale;
    const double own = static_cast<double>(outGradient[i]) * (plus + static_cast<double>(weight[i]));
    sum += own;
    dot += own * normed;
    if (!weightGradient.empty()) weightGradient[i] += static_cast<double>(outGradient[i]) * normed;
    if (!biasGradient.empty()) biasGradient[i] += static_cast<double>(outGradient[i]);
  }
  const auto size = static_cast<double>(in.size());
  const double mean = norm.kind == NormKind::Layer ? sum / size : 0.0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double normed = (static_cast<double>(in[i]) - moments.mean) * moments.scale;
    const double own = static_cast<double>(outGradient[i]) * (plus + static_cast<double>(weight[i]));
    inGradient[i] = static_cast<T>(moments.scale * (own - mean - normed * dot / size));
  }
}

template <typename T>
void addPartials(const std::vector<std::vector<double>>& partials, const std::string& tensor, TensorMap<T>& gradients) {
  const auto found = gradients.find(tensor);
  if (found == gradients.end()) return;
  const std::span<T> gradient = found->second.values();
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    double sum = 0;
    for (const std::vector<double>& partial : partials) sum += partial[i];
    gradient[i] += static_cast<T>(sum);
  }
}

template <typename T>
RealMatrix<T> normForward(const NormSpec& norm, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                          const RunContext& context) {
  RealMatrix<T> out(in.rows, in.cols);
  const std::span<const T> weight = tensors.at(norm.name + ".weight").values();
  const std::span<const T> bias = biasOf(norm, tensors);
  forTrainingRows(in.rows, context, [&](std::size_t, std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) normRowForward(norm, weight, bias, in.row(r), out.row(r));
  });
  return out;
}

template <typename T>
RealMatrix<T> normBackward(const NormSpec& norm, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                           BasicMatrixView<const T> outGradient, TensorMap<T>& gradients, const RunContext& context) {
  RealMatrix<T> inGradient(in.rows, in.cols);
  const std::string weightName = norm.name + ".weight";
  const std::string biasName = norm.name + ".bias";
  const std::span<const T> weight = tensors.at(weightName).values();
  const std::size_t tiles = trainingRowTiles(in.rows);
  std::vector<std::vector<double>> weights(tiles);
  std::vector<std::vector<double>> biases(tiles);
  const bool wantsWeight = gradients.contains(weightName);
  const bool wantsBias = gradients.contains(biasName);
  forTrainingRows(in.rows, context, [&](std::size_t tile, std::size_t first, std::size_t count) {
    if (wantsWeight) weights[tile].assign(in.cols, 0.0);
    if (wantsBias) biases[tile].assign(in.cols, 0.0);
    for (std::size_t r = first; r < first + count; ++r)
      normRowBackward(norm, weight, in.row(r), outGradient.row(r), inGradient.row(r), std::span(weights[tile]),
                      std::span(biases[tile]));
  });
  addPartials(weights, weightName, gradients);
  addPartials(biases, biasName, gradients);
  return inGradient;
}

template void normRowForward(const NormSpec&, std::span<const float>, std::span<const float>, std::span<const float>,
                             std::span<float>);
template void normRowForward(const NormSpec&, std::span<const double>, std::span<const double>, std::span<const double>,
                             std::span<double>);
template void normRowBackward(const NormSpec&, std::span<const float>, std::span<const float>, std::span<const float>,
                              std::span<float>, std::span<double>, std::span<double>);
template void normRowBackward(const NormSpec&, std::span<const double>, std::span<const double>,
                              std::span<const double>, std::span<double>, std::span<double>, std::span<double>);
template void addPartials(const std::vector<std::vector<double>>&, const std::string&, TensorMap<float>&);
template void addPartials(const std::vector<std::vector<double>>&, const std::string&, TensorMap<double>&);
template RealMatrix<float> normForward(const NormSpec&, const TensorMap<float>&, BasicMatrixView<const float>,
                                       const RunContext&);
template RealMatrix<double> normForward(const NormSpec&, const TensorMap<double>&, BasicMatrixView<const double>,
                                        const RunContext&);
template RealMatrix<float> normBackward(const NormSpec&, const TensorMap<float>&, BasicMatrixView<const float>,
                                        BasicMatrixView<const float>, TensorMap<float>&, const RunContext&);
template RealMatrix<double> normBackward(const NormSpec&, const TensorMap<double>&, BasicMatrixView<const double>,
                                         BasicMatrixView<const double>, TensorMap<double>&, const RunContext&);

}  // namespace qs
