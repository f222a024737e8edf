#include "core/kernels/decode_matvec.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/kernels/prefetch.h"
#include "core/kernels/round_pack.h"
#include "core/tensor/half.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/decode_matvec.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Sums run in 16 virtual lanes per accumulator and are folded in one order, so that vectors of 256 and 512 bits give
// the same bits.
using FloatTag = hn::CappedTag<float, 16>;
using Floats = hn::Vec<FloatTag>;
constexpr std::size_t kParts = 16 / hn::MaxLanes(FloatTag());  // vectors that 16 lanes take
constexpr std::size_t kBytesAhead = 8192;                      // of the weights, asked for before they are needed

// Asks for the weights that stand kBytesAhead after these `count` bytes.
HWY_INLINE void askAhead(const void* weights, std::size_t count) {
  simd::askFor(static_cast<const std::byte*>(weights) + kBytesAhead, count);
}

HWY_INLINE float sumOfLanes(const Floats* parts) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const hn::Half<FloatTag> dHalf;
  return hn::GetLane(hn::SumOfLanes(dHalf, hn::Add(hn::LowerHalf(dHalf, parts[0]), hn::UpperHalf(dHalf, parts[0]))));
#else
  auto sum = parts[0];
  for (std::size_t p = 1; p < kParts; ++p) sum = hn::Add(sum, parts[p]);
  return hn::GetLane(hn::SumOfLanes(FloatTag(), sum));
#endif
}

// Σ w·x with w[i] by load(i); four accumulators hide the latency of the multiply-add. Whole runs of 64 only.
template <class T, class Load>
HWY_INLINE float dotWhole(const T* w, const Load& load, const float* HWY_RESTRICT x, std::size_t count) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t kVectors = 4 * kParts;
  Floats sums[kVectors];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (std::size_t i = 0; i < count; i += kVectors * lanes) {
    askAhead(w + i, kVectors * lanes * sizeof(T));
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kVectors; ++v)
      sums[v] = hn::MulAdd(load(i + v * lanes), hn::LoadU(d, x + i + v * lanes), sums[v]);
  }
  for (std::size_t half = kVectors / 2; half >= kParts; half /= 2)
    for (std::size_t v = 0; v < half; ++v) sums[v] = hn::Add(sums[v], sums[v + half]);
  return sumOfLanes(sums);
}

float dotF32(const float* HWY_RESTRICT w, const float* HWY_RESTRICT x, std::size_t count) {
  const std::size_t whole = count / 64 * 64;
  float sum = dotWhole(
      w, [w](std::size_t i) { return hn::LoadU(FloatTag(), w + i); }, x, whole);
  for (std::size_t i = whole; i < count; ++i) sum += w[i] * x[i];
  return sum;
}

float dotF16(const hwy::float16_t* HWY_RESTRICT w, const float* HWY_RESTRICT x, std::size_t count) {
  const hn::Rebind<hwy::float16_t, FloatTag> d16;
  const std::size_t whole = count / 64 * 64;
  const auto widened = [&](std::size_t i) { return hn::PromoteTo(FloatTag(), hn::LoadU(d16, w + i)); };
  float sum = dotWhole(w, widened, x, whole);
  for (std::size_t i = whole; i < count; ++i) sum += halfToFloat(w[i].bits) * x[i];
  return sum;
}

std::int32_t dotInt8(const std::int8_t* HWY_RESTRICT w, const std::int16_t* HWY_RESTRICT x, std::size_t count) {
  const hn::ScalableTag<std::int16_t> d;
  const hn::Rebind<std::int8_t, decltype(d)> d8;
  const hn::Repartition<std::int32_t, decltype(d)> d32;
  const std::size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d32);
  auto b = hn::Zero(d32);
  auto aOdd = hn::Zero(d32);
  auto bOdd = hn::Zero(d32);
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    askAhead(w + i, 2 * lanes);
    a = hn::ReorderWidenMulAccumulate(d32, hn::PromoteTo(d, hn::LoadU(d8, w + i)), hn::LoadU(d, x + i), a, aOdd);
    b = hn::ReorderWidenMulAccumulate(d32, hn::PromoteTo(d, hn::LoadU(d8, w + i + lanes)), hn::LoadU(d, x + i + lanes),
                                      b, bOdd);
  }
  std::int32_t sum = hn::GetLane(hn::SumOfLanes(d32, hn::Add(hn::Add(a, b), hn::Add(aOdd, bOdd))));
  for (; i < count; ++i) sum += static_cast<std::int32_t>(w[i]) * x[i];
  return sum;
}

// Scales of groups first..first+count-1 of a row widened to F32, and Σ scale · zero point · input sum over them.
float widenScales(const DecodeMatrix& m, const float* groupSums, std::size_t at, std::size_t first, std::size_t count,
                  float* HWY_RESTRICT scales) {
  const FloatTag d;
  const hn::Rebind<hwy::float16_t, FloatTag> d16;
  const hn::Rebind<std::uint8_t, FloatTag> d8;
  const hn::Rebind<std::int32_t, FloatTag> d32;
  const std::size_t lanes = hn::Lanes(d);
  const auto* halves = reinterpret_cast<const hwy::float16_t*>(m.scales.data() + at + first);
  const std::uint8_t* zeros = m.zeroPoints.data() + at + first;
  Floats sums[kParts];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (std::size_t g = 0; g < count; g += DecodeMatrix::kSpareScales) {
    for (std::size_t p = 0; p < kParts; ++p) {
      const std::size_t i = g + p * lanes;
      const auto scale = hn::PromoteTo(d, hn::LoadU(d16, halves + i));
      const auto zero = hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, zeros + i)));
      hn::StoreU(scale, d, scales + i);
      sums[p] = hn::MulAdd(hn::Mul(scale, zero), hn::LoadU(d, groupSums + first + i), sums[p]);
    }
  }
  return sumOfLanes(sums);
}

// Σ of neighbouring products code·x as 16-bit lanes (codes are at most 15, so nothing saturates), for the bytes that D
// spans: both nibbles together. The x86 instruction has no name in Highway 1.0.
#undef QUANTSCOPE_PAIR_PRODUCTS  // this file is compiled once a target
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
#define QUANTSCOPE_PAIR_PRODUCTS 1
HWY_INLINE hn::Vec128<std::int16_t> pairProducts(hn::Vec128<std::uint8_t> q, hn::Vec128<std::int8_t> x) {
  return hn::Vec128<std::int16_t>{_mm_maddubs_epi16(q.raw, x.raw)};
}
HWY_INLINE hn::Vec256<std::int16_t> pairProducts(hn::Vec256<std::uint8_t> q, hn::Vec256<std::int8_t> x) {
  return hn::Vec256<std::int16_t>{_mm256_maddubs_epi16(q.raw, x.raw)};
}
#if HWY_TARGET != HWY_AVX2
HWY_INLINE hn::Vec512<std::int16_t> pairProducts(hn::Vec512<std::uint8_t> q, hn::Vec512<std::int8_t> x) {
  return hn::Vec512<std::int16_t>{_mm512_maddubs_epi16(q.raw, x.raw)};
}
#endif
#else
#define QUANTSCOPE_PAIR_PRODUCTS 0
#endif

// Σ code·x as 32-bit lanes of those vectors of a group's bytes that begin at `from`, from + step …
template <class D>
HWY_INLINE hn::Vec<hn::Repartition<std::int32_t, D>> groupProduct([[maybe_unused]] D d,
                                                                  const std::uint8_t* HWY_RESTRICT bytes,
                                                                  const DecodeInput& input, std::size_t at,
                                                                  std::size_t half, std::size_t from,
                                                                  std::size_t step) {
  const hn::Repartition<std::int32_t, D> d32;
  const hn::Repartition<std::int16_t, D> d16;
  auto sum = hn::Zero(d32);
  auto odd = hn::Zero(d32);
#if QUANTSCOPE_PAIR_PRODUCTS
  const hn::Repartition<std::int8_t, D> d8;
  const hn::Repartition<std::uint16_t, D> du16;
  const std::int8_t* x = input.byteCodes.data() + at;
  const auto nibble = hn::Set(d, 15);
  for (std::size_t i = from; i < half; i += step) {
    const auto packed = hn::LoadU(d, bytes + i);
    const auto low = hn::And(packed, nibble);
    const auto high = hn::And(hn::BitCast(d, hn::ShiftRight<4>(hn::BitCast(du16, packed))), nibble);
    const auto products =
        hn::Add(pairProducts(low, hn::LoadU(d8, x + i)), pairProducts(high, hn::LoadU(d8, x + half + i)));
    sum = hn::ReorderWidenMulAccumulate(d32, products, hn::Set(d16, 1), sum, odd);
  }
#else
  const hn::Half<D> dHalf;
  const std::int16_t* x = input.codes.data() + at;
  const auto nibble = hn::Set(dHalf, 15);
  for (std::size_t first = from; first < half; first += step) {
    for (std::size_t i = first; i < first + hn::Lanes(d); i += hn::Lanes(dHalf)) {
      const auto packed = hn::LoadU(dHalf, bytes + i);
      const auto low = hn::PromoteTo(d16, hn::And(packed, nibble));
      const auto high = hn::ShiftRight<4>(hn::PromoteTo(d16, packed));
      sum = hn::ReorderWidenMulAccumulate(d32, low, hn::LoadU(d16, x + i), sum, odd);
      sum = hn::ReorderWidenMulAccumulate(d32, high, hn::LoadU(d16, x + half + i), sum, odd);
    }
  }
#endif
  return hn::Add(sum, odd);
}

// One row of Int4: per group Σ code·x in integers times the group's scale, less the zero points' part. `kWidth` bytes
// of codes are one step: one vector, or two where vectors are narrower, each with its own sums.
template <std::size_t kWidth>
float dotInt4Steps(const DecodeMatrix& m, const DecodeInput& input, const float* groupSums, std::size_t row) {
  constexpr std::size_t kChunk = 64;
  const hn::CappedTag<std::uint8_t, kWidth> d;
  const hn::Repartition<float, decltype(d)> df;
  constexpr std::size_t kVectors = kWidth / hn::MaxLanes(d);
  const std::size_t half = m.groupSize / 2;  // bytes a group
  const std::size_t groups = m.cols / m.groupSize;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(m.weights.get()) + row * m.cols / 2;
  HWY_ALIGN float scales[kChunk];
  hn::Vec<decltype(df)> totals[kVectors];
  for (auto& total : totals) total = hn::Zero(df);
  float zeroPart = 0;
  for (std::size_t first = 0; first < groups; first += kChunk) {
    const std::size_t count = HWY_MIN(kChunk, groups - first);
    zeroPart += widenScales(m, groupSums, row * groups, first, count, scales);
    for (std::size_t g = 0; g < count; ++g) {
      const std::size_t at = (first + g) * m.groupSize;
      simd::askFor(reinterpret_cast<const std::byte*>(bytes) + at / 2 + kBytesAhead, 1);
      const auto scale = hn::Set(df, scales[g]);
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) {
        const auto product = groupProduct(d, bytes + at / 2, input, at, half, v * hn::Lanes(d), kWidth);
        totals[v] = hn::MulAdd(hn::ConvertTo(df, product), scale, totals[v]);
      }
    }
  }
  if constexpr (kWidth == 64) return sumOfLanes(totals) - zeroPart;
  HWY_ALIGN float lanes[kWidth / 4];
  for (std::size_t v = 0; v < kVectors; ++v) hn::Store(totals[v], df, lanes + v * hn::Lanes(df));
  for (std::size_t step = kWidth / 8; step > 0; step /= 2)
    for (std::size_t i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  return lanes[0] - zeroPart;
}

// The widest step that half a group fills.
float dotInt4(const DecodeMatrix& m, const DecodeInput& input, const float* groupSums, std::size_t row) {
  if (m.groupSize % 128 == 0) return dotInt4Steps<64>(m, input, groupSums, row);
  if (m.groupSize % 64 == 0) return dotInt4Steps<32>(m, input, groupSums, row);
  return dotInt4Steps<16>(m, input, groupSums, row);
}

void decodeRowsImpl(const DecodeMatrix& m, const DecodeInput& input, const float* groupSums, std::size_t first,
                    float* y, std::size_t count) {
  const std::byte* bytes = m.weights.get();
  for (std::size_t r = 0; r < count; ++r) {
    const std::size_t at = (first + r) * m.cols;
    switch (m.format) {
      case DecodeFormat::F32:
        y[r] = dotF32(reinterpret_cast<const float*>(bytes) + at, input.values.data(), m.cols);
        break;
      case DecodeFormat::F16:
        y[r] = dotF16(reinterpret_cast<const hwy::float16_t*>(bytes) + at, input.values.data(), m.cols);
        break;
      case DecodeFormat::Int8:
        y[r] =
            static_cast<float>(dotInt8(reinterpret_cast<const std::int8_t*>(bytes) + at, input.codes.data(), m.cols)) *
            m.rowScales[first + r] * input.scale;
        break;
      case DecodeFormat::Int4:
        y[r] = dotInt4(m, input, groupSums, first + r) * input.scale;
        break;
    }
  }
}

}  // namespace qs::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {

HWY_EXPORT(decodeRowsImpl);

namespace {

constexpr std::size_t kSumBlock = 32;

template <typename T>
T* allocate(DecodeMatrix& m, std::size_t count) {
  const std::shared_ptr<T[]> values(new T[count]);
  m.weightBytes = count * sizeof(T);
  m.weights = {values, reinterpret_cast<const std::byte*>(values.get())};
  return values.get();
}

void layOutInt8(std::span<const float> weights, DecodeMatrix& m) {
  auto* codes = allocate<std::int8_t>(m, weights.size());
  for (std::size_t r = 0; r < m.rows; ++r) {
    const std::span row = weights.subspan(r * m.cols, m.cols);
    float largest = 0;
    for (const float w : row) largest = std::max(largest, std::fabs(w));
    const float scale = largest > 0 ? largest / 127.0F : 1.0F;
    m.rowScales.push_back(scale);
    for (std::size_t c = 0; c < m.cols; ++c)
      codes[r * m.cols + c] = static_cast<std::int8_t>(std::clamp(std::rint(row[c] / scale), -127.0F, 127.0F));
  }
}

void layOutInt4(std::span<const float> weights, DecodeMatrix& m) {
  assert(m.groupSize % 32 == 0 && m.cols % m.groupSize == 0);
  const QuantScheme scheme{.bits = 4, .groupSize = static_cast<std::int64_t>(m.groupSize), .scaleType = ScaleType::F16};
  auto* bytes = allocate<std::uint8_t>(m, weights.size() / 2);
  std::vector<UnitGrid> grids(m.cols / m.groupSize);
  for (std::size_t r = 0; r < m.rows; ++r) {
    const std::size_t at = r * m.cols;
    roundAndPack(weights.subspan(at, m.cols), m.groupSize, scheme, {bytes + at / 2, m.cols / 2}, grids);
    for (const UnitGrid grid : grids) {
      m.scales.push_back(floatToHalf(grid.scale));
      m.zeroPoints.push_back(static_cast<std::uint8_t>(grid.zero));
    }
  }
  m.scales.resize(m.scales.size() +
                  DecodeMatrix::kSpareScales);  // so that the last ones can be read with what follows them
  m.zeroPoints.resize(m.zeroPoints.size() + DecodeMatrix::kSpareScales);
}

}  // namespace

std::size_t DecodeMatrix::bytes() const {
  return weightBytes + 4 * rowScales.size() + (format == DecodeFormat::Int4 ? 3 * (rows * cols / groupSize) : 0);
}

DecodeMatrix makeDecodeMatrix(DecodeFormat format, std::span<const float> weights, std::size_t rows, std::size_t cols,
                              std::size_t groupSize) {
  assert(weights.size() == rows * cols);
  DecodeMatrix m{.format = format, .rows = rows, .cols = cols, .groupSize = groupSize};
  switch (format) {
    case DecodeFormat::F32:
      std::copy(weights.begin(), weights.end(), allocate<float>(m, weights.size()));
      break;
    case DecodeFormat::F16:
      std::transform(weights.begin(), weights.end(), allocate<std::uint16_t>(m, weights.size()), floatToHalf);
      break;
    case DecodeFormat::Int8:
      layOutInt8(weights, m);
      break;
    case DecodeFormat::Int4:
      layOutInt4(weights, m);
      break;
  }
  return m;
}

DecodeInput makeDecodeInput(std::span<const float> values) {
  DecodeInput input{.values = {values.begin(), values.end()}};
  float largest = 0;
  for (const float x : values) largest = std::max(largest, std::fabs(x));
  input.scale = std::max(largest, 1e-5F) / 127.0F;
  for (const float x : values) input.codes.push_back(static_cast<std::int16_t>(std::rint(x / input.scale)));
  for (std::size_t c = 0; c + kSumBlock <= values.size(); c += kSumBlock)
    input.blockSums.push_back(
        static_cast<float>(std::accumulate(input.codes.data() + c, input.codes.data() + c + kSumBlock, 0)));
  input.byteCodes.assign(input.codes.begin(), input.codes.end());
  return input;
}

void decodeRows(const DecodeMatrix& matrix, const DecodeInput& input, std::size_t first, std::span<float> y) {
  assert(input.values.size() == matrix.cols && first + y.size() <= matrix.rows);
  std::vector<float> groupSums;
  if (matrix.format == DecodeFormat::Int4) {
    const std::size_t blocks = matrix.groupSize / kSumBlock;
    const std::size_t groups = matrix.cols / matrix.groupSize;
    groupSums.assign(groups + DecodeMatrix::kSpareScales, 0);
    for (std::size_t b = 0; b < groups * blocks; ++b) groupSums[b / blocks] += input.blockSums[b];
  }
  HWY_DYNAMIC_DISPATCH(decodeRowsImpl)(matrix, input, groupSums.data(), first, y.data(), y.size());
}

}  // namespace qs
#endif
