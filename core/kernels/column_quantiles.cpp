#include "core/kernels/column_quantiles.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/kernels/stats_simd.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

// Half-precision bits as integers in the order of their values, and back.
std::int16_t ordered(std::int16_t bits) { return static_cast<std::int16_t>(bits ^ ((bits >> 15) & 0x7FFF)); }

// How values are sorted: as what type, and which value a key stands for.
struct SingleKeys {
  using Key = float;
  static constexpr Key kLast = std::numeric_limits<float>::infinity();
  static void prepare(std::span<Key> /*keys*/) {}
  [[nodiscard]] float valueOf(Key key) const { return key; }
};

struct ShortKeys {
  using Key = std::int16_t;
  static constexpr Key kLast = std::numeric_limits<std::int16_t>::max();
  DType type;
  static void prepare(std::span<Key> keys) {
    for (Key& key : keys) key = ordered(key);
  }
  [[nodiscard]] float valueOf(Key key) const {
    const auto bits = static_cast<std::uint16_t>(ordered(key));
    return type == DType::F16 ? halfToFloat(bits) : bfloat16ToFloat(bits);
  }
};

// A quantile of one sorted column of `count` keys, by linear interpolation.
template <typename Keys>
float quantileOf(const Keys& keys, const typename Keys::Key* column, std::size_t count, double q) {
  const double position = q * static_cast<double>(count - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, count - 1);
  const auto fraction = static_cast<float>(position - static_cast<double>(below));
  constexpr std::size_t kColumns = simd::kSortedColumns<typename Keys::Key>;
  const float low = keys.valueOf(column[below * kColumns]);
  return low + (keys.valueOf(column[above * kColumns]) - low) * fraction;
}

template <typename Keys>
void quartilesBy(const Keys& keys, const StoredRows& weights, std::size_t stride, std::size_t firstCol,
                 std::size_t lastCol, const ColumnQuartiles& out) {
  using Key = typename Keys::Key;
  constexpr std::size_t kColumns = simd::kSortedColumns<Key>;
  if (weights.rows == 0) return;
  const std::size_t count = (weights.rows + stride - 1) / stride;
  std::vector<Key> buffer(std::bit_ceil(count) * kColumns);
  const std::span<Key> values = std::span(buffer).first(count * kColumns);
  for (std::size_t first = firstCol; first < lastCol; first += kColumns) {
    const std::size_t width = std::min(kColumns, lastCol - first);
    const std::byte* at = weights.bytes + first * sizeof(Key);
    for (std::size_t i = 0; i < count; ++i, at += stride * weights.cols * sizeof(Key)) {
      if (width == kColumns)
        std::memcpy(&buffer[i * kColumns], at, kColumns * sizeof(Key));
      else
        std::memcpy(&buffer[i * kColumns], at, width * sizeof(Key));
    }
    Keys::prepare(values);
    std::fill(buffer.begin() + static_cast<std::ptrdiff_t>(values.size()), buffer.end(), Keys::kLast);
    simd::sortColumns(buffer.data(), buffer.size() / kColumns);
    for (std::size_t c = 0; c < width; ++c) {
      out.lower[first + c] = quantileOf(keys, &buffer[c], count, 0.25);
      out.median[first + c] = quantileOf(keys, &buffer[c], count, 0.5);
      out.upper[first + c] = quantileOf(keys, &buffer[c], count, 0.75);
    }
  }
}

}  // namespace

void columnQuartiles(const StoredRows& weights, std::size_t stride, std::size_t firstCol, std::size_t lastCol,
                     const ColumnQuartiles& out) {
  if (weights.type == DType::F32) return quartilesBy(SingleKeys(), weights, stride, firstCol, lastCol, out);
  quartilesBy(ShortKeys{weights.type}, weights, stride, firstCol, lastCol, out);
}

}  // namespace qs
