#include "core/train/batch_order.h"

#include <numeric>
#include <utility>

namespace qs {

namespace {

/// SplitMix64.
std::uint64_t nextRandom(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

std::vector<std::size_t> orderOfEpoch(std::size_t epoch, std::size_t windows, std::uint64_t seed) {
  std::vector<std::size_t> order(windows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::uint64_t state = seed ^ (0xd1b54a32d192ed03ULL * (epoch + 1));
  for (std::size_t i = windows; i > 1; --i) std::swap(order[i - 1], order[nextRandom(state) % i]);
  return order;
}

}  // namespace

std::vector<std::size_t> batchOf(std::size_t step, std::size_t batch, std::size_t windows, std::uint64_t seed) {
  std::vector<std::size_t> chosen;
  std::vector<std::size_t> order;
  std::size_t epochOfOrder = windows;  // none yet
  for (std::size_t at = step * batch; at < (step + 1) * batch; ++at) {
    const std::size_t epoch = at / windows;
    if (order.empty() || epoch != epochOfOrder) order = orderOfEpoch(epoch, windows, seed);
    epochOfOrder = epoch;
    chosen.push_back(order[at % windows]);
  }
  return chosen;
}

}  // namespace qs
