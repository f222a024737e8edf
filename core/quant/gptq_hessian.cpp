#include "core/quant/gptq_hessian.h"

#include <algorithm>
#include <numeric>

#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kRowsPerTask = 64;

double diagonal(const ActivationStats& activations, std::size_t i) {
  return activations.gram[i * activations.channels + i];
}

// Mean of the diagonal's live entries; 1 where there is none.
double meanLiveDiagonal(const ActivationStats& activations) {
  double sum = 0;
  std::size_t live = 0;
  for (std::size_t i = 0; i < activations.channels; ++i) {
    sum += diagonal(activations, i);
    live += diagonal(activations, i) != 0.0 ? 1 : 0;
  }
  return live == 0 ? 1.0 : sum / static_cast<double>(live);
}

}  // namespace

std::vector<std::uint32_t> deadInputs(const ActivationStats& activations) {
  std::vector<std::uint32_t> dead;
  for (std::size_t i = 0; i < activations.channels; ++i)
    if (diagonal(activations, i) == 0.0) dead.push_back(static_cast<std::uint32_t>(i));
  return dead;
}

std::vector<std::uint32_t> columnOrder(const ActivationStats& activations, bool byActivation) {
  std::vector<std::uint32_t> order(activations.channels);
  std::iota(order.begin(), order.end(), 0U);
  if (!byActivation) return order;
  const double dead = meanLiveDiagonal(activations);
  const auto key = [&](std::uint32_t i) {
    const double entry = diagonal(activations, i);
    return entry == 0.0 ? dead : entry;
  };
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) > key(b); });
  return order;
}

double dampingTerm(const ActivationStats& activations, double damping) {
  // The dead entries carry the mean of the others, so the mean over all of them is that mean.
  return damping * meanLiveDiagonal(activations);
}

std::vector<double> dampedHessian(const ActivationStats& activations, std::span<const std::uint32_t> order,
                                  double damping, const RunContext& context) {
  const std::size_t size = order.size();
  const double mean = meanLiveDiagonal(activations);
  const double added = dampingTerm(activations, damping);
  std::vector<double> hessian(size * size);
  parallelFor(context, (size + kRowsPerTask - 1) / kRowsPerTask, [&](std::size_t task) {
    for (std::size_t i = task * kRowsPerTask; i < std::min((task + 1) * kRowsPerTask, size); ++i) {
      const double* from = activations.gram.data() + order[i] * size;
      double* to = hessian.data() + i * size;
      for (std::size_t j = i; j < size; ++j) to[j] = from[order[j]];
      to[i] = (to[i] == 0.0 ? mean : to[i]) + added;
    }
  });
  return hessian;
}

}  // namespace qs
