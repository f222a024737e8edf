#include "core/kernels/stats_simd.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/stats_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kLanes = 8;  // virtual, of F64
using DoubleTag = hn::CappedTag<double, kLanes>;
using Doubles = hn::Vec<DoubleTag>;
using HalfTag = hn::Rebind<float, DoubleTag>;
using FloatTag = hn::CappedTag<float, 16>;
using IntTag = hn::RebindToSigned<FloatTag>;

HWY_INLINE Doubles widen(const float* values) { return hn::PromoteTo(DoubleTag(), hn::LoadU(HalfTag(), values)); }

HWY_INLINE double sumOf(const double* lanes) {
  double sum = 0;
  for (std::size_t i = 0; i < kLanes; ++i) sum += lanes[i];
  return sum;
}

PowerSums powerSumsLoop(const float* values, std::size_t count) {
  const DoubleTag d;
  HWY_ALIGN double lanes[4][kLanes];
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t part = 0; part < kLanes; part += hn::Lanes(d)) {
    auto s1 = hn::Zero(d);
    auto s2 = hn::Zero(d);
    auto s3 = hn::Zero(d);
    auto s4 = hn::Zero(d);
    for (std::size_t i = part; i < whole; i += kLanes) {
      const auto x = widen(values + i);
      const auto x2 = hn::Mul(x, x);
      s1 = hn::Add(s1, x);
      s2 = hn::Add(s2, x2);
      s3 = hn::Add(s3, hn::Mul(x2, x));
      s4 = hn::Add(s4, hn::Mul(x2, x2));
    }
    hn::Store(s1, d, lanes[0] + part);
    hn::Store(s2, d, lanes[1] + part);
    hn::Store(s3, d, lanes[2] + part);
    hn::Store(s4, d, lanes[3] + part);
  }
  PowerSums sums{sumOf(lanes[0]), sumOf(lanes[1]), sumOf(lanes[2]), sumOf(lanes[3])};
  for (std::size_t i = whole; i < count; ++i) {
    const auto x = static_cast<double>(values[i]);
    sums.first += x;
    sums.second += x * x;
    sums.third += x * x * x;
    sums.fourth += (x * x) * (x * x);
  }
  return sums;
}

PairSums pairSumsLoop(const float* reference, const float* approximation, std::size_t count) {
  const DoubleTag d;
  HWY_ALIGN double lanes[6][kLanes];
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t part = 0; part < kLanes; part += hn::Lanes(d)) {
    auto xx = hn::Zero(d);
    auto yy = hn::Zero(d);
    auto xy = hn::Zero(d);
    auto ee = hn::Zero(d);
    auto abs = hn::Zero(d);
    auto largest = hn::Zero(d);
    for (std::size_t i = part; i < whole; i += kLanes) {
      const auto x = widen(reference + i);
      const auto y = widen(approximation + i);
      const auto e = hn::Sub(y, x);
      const auto magnitude = hn::Abs(e);
      xx = hn::Add(xx, hn::Mul(x, x));
      yy = hn::Add(yy, hn::Mul(y, y));
      xy = hn::Add(xy, hn::Mul(x, y));
      ee = hn::Add(ee, hn::Mul(e, e));
      abs = hn::Add(abs, magnitude);
      largest = hn::Max(largest, magnitude);
    }
    hn::Store(xx, d, lanes[0] + part);
    hn::Store(yy, d, lanes[1] + part);
    hn::Store(xy, d, lanes[2] + part);
    hn::Store(ee, d, lanes[3] + part);
    hn::Store(abs, d, lanes[4] + part);
    hn::Store(largest, d, lanes[5] + part);
  }
  PairSums sums{sumOf(lanes[0]), sumOf(lanes[1]), sumOf(lanes[2]),
                sumOf(lanes[3]), sumOf(lanes[4]), *std::max_element(lanes[5], lanes[5] + kLanes)};
  for (std::size_t i = whole; i < count; ++i) {
    const auto x = static_cast<double>(reference[i]);
    const auto y = static_cast<double>(approximation[i]);
    const double e = y - x;
    sums.reference += x * x;
    sums.approximation += y * y;
    sums.product += x * y;
    sums.squaredError += e * e;
    sums.absError += std::abs(e);
    sums.maxAbsError = std::max(sums.maxAbsError, std::abs(e));
  }
  return sums;
}

void columnRangesLoop(const float* data, std::size_t rows, std::size_t cols, float* low, float* high) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t c = 0;
  for (; c + lanes <= cols; c += lanes) {
    auto least = hn::LoadU(d, low + c);
    auto most = hn::LoadU(d, high + c);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto x = hn::LoadU(d, data + r * cols + c);
      least = hn::Min(least, x);
      most = hn::Max(most, x);
    }
    hn::StoreU(least, d, low + c);
    hn::StoreU(most, d, high + c);
  }
  for (; c < cols; ++c) {
    for (std::size_t r = 0; r < rows; ++r) {
      low[c] = std::min(low[c], data[r * cols + c]);
      high[c] = std::max(high[c], data[r * cols + c]);
    }
  }
}

void columnSquaredErrorsLoop(const float* reference, const float* approximation, std::size_t rows, std::size_t cols,
                             float* sums) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t c = 0;
  for (; c + lanes <= cols; c += lanes) {
    auto sum = hn::LoadU(d, sums + c);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t at = r * cols + c;
      const auto e = hn::Sub(hn::LoadU(d, approximation + at), hn::LoadU(d, reference + at));
      sum = hn::Add(sum, hn::Mul(e, e));
    }
    hn::StoreU(sum, d, sums + c);
  }
  for (; c < cols; ++c) {
    for (std::size_t r = 0; r < rows; ++r) {
      const float e = approximation[r * cols + c] - reference[r * cols + c];
      sums[c] += e * e;
    }
  }
}

void binIndicesLoop(const float* values, std::size_t count, float origin, float scale, float last,
                    std::uint32_t* bins) {
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const auto origins = hn::Set(d, origin);
  const auto scales = hn::Set(d, scale);
  const auto lasts = hn::Set(d, last);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto position = hn::Mul(hn::Sub(hn::LoadU(d, values + i), origins), scales);
    const auto bin = hn::ConvertTo(di, hn::Min(hn::Max(position, hn::Zero(d)), lasts));
    hn::StoreU(hn::BitCast(hn::RebindToUnsigned<FloatTag>(), bin), hn::RebindToUnsigned<FloatTag>(), bins + i);
  }
  for (; i < count; ++i) bins[i] = static_cast<std::uint32_t>(std::clamp((values[i] - origin) * scale, 0.0F, last));
}

bool allFiniteLoop(const float* values, std::size_t count) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  auto probe = hn::Zero(d);  // x·0 is NaN for NaN and infinity, and a NaN stays
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) probe = hn::Add(probe, hn::Mul(hn::LoadU(d, values + i), hn::Zero(d)));
  if (!hn::AllTrue(d, hn::Eq(probe, hn::Zero(d)))) return false;
  for (; i < count; ++i)
    if (!std::isfinite(values[i])) return false;
  return true;
}

HWY_INLINE void sortPair(float* a, float* b, bool ascending) {
  const FloatTag d;
  for (std::size_t c = 0; c < kSortedColumns; c += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, a + c);
    const auto y = hn::LoadU(d, b + c);
    const auto low = hn::Min(x, y);
    const auto high = hn::Max(x, y);
    hn::StoreU(ascending ? low : high, d, a + c);
    hn::StoreU(ascending ? high : low, d, b + c);
  }
}

// Bitonic sort, a column a lane.
void sortColumnsLoop(float* buffer, std::size_t rows) {
  for (std::size_t run = 2; run <= rows; run *= 2) {
    for (std::size_t gap = run / 2; gap > 0; gap /= 2) {
      for (std::size_t first = 0; first < rows; first += 2 * gap) {
        const bool ascending = (first & run) == 0;
        for (std::size_t i = first; i < first + gap; ++i)
          sortPair(buffer + i * kSortedColumns, buffer + (i + gap) * kSortedColumns, ascending);
      }
    }
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(powerSumsLoop);
HWY_EXPORT(pairSumsLoop);
HWY_EXPORT(columnRangesLoop);
HWY_EXPORT(columnSquaredErrorsLoop);
HWY_EXPORT(binIndicesLoop);
HWY_EXPORT(allFiniteLoop);
HWY_EXPORT(sortColumnsLoop);

PowerSums powerSums(const float* values, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(powerSumsLoop)(values, count);
}
PairSums pairSums(const float* reference, const float* approximation, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(pairSumsLoop)(reference, approximation, count);
}
void columnRanges(const float* data, std::size_t rows, std::size_t cols, float* low, float* high) {
  HWY_DYNAMIC_DISPATCH(columnRangesLoop)(data, rows, cols, low, high);
}
void columnSquaredErrors(const float* reference, const float* approximation, std::size_t rows, std::size_t cols,
                         float* sums) {
  HWY_DYNAMIC_DISPATCH(columnSquaredErrorsLoop)(reference, approximation, rows, cols, sums);
}
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint32_t* bins) {
  HWY_DYNAMIC_DISPATCH(binIndicesLoop)(values, count, origin, scale, last, bins);
}
bool allFinite(const float* values, std::size_t count) { return HWY_DYNAMIC_DISPATCH(allFiniteLoop)(values, count); }
void sortColumns(float* buffer, std::size_t rows) { HWY_DYNAMIC_DISPATCH(sortColumnsLoop)(buffer, rows); }

}  // namespace qs::simd
#endif
