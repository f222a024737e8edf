#include "core/kernels/convert_simd.h"

#include <cstring>

#include "core/tensor/half.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/convert_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using BitsTag = hn::RebindToUnsigned<FloatTag>;
using ShortTag = hn::Rebind<std::uint16_t, FloatTag>;
using ShortBytesTag = hn::Repartition<std::uint8_t, ShortTag>;

// Loaded as bytes: the pointer may be misaligned for 16-bit elements.
hn::Vec<BitsTag> loadShorts(const std::byte* in) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(in);
  return hn::PromoteTo(BitsTag(), hn::BitCast(ShortTag(), hn::LoadU(ShortBytesTag(), bytes)));
}

void storeShorts(hn::Vec<BitsTag> bits, std::uint16_t* out) {
  const hn::RebindToSigned<BitsTag> signedTag;
  hn::StoreU(hn::DemoteTo(ShortTag(), hn::BitCast(signedTag, bits)), ShortTag(), out);
}

std::uint16_t shortAt(const std::byte* in, std::size_t index) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, in + index * sizeof(bits), sizeof(bits));
  return bits;
}

hn::Vec<BitsTag> widenHalf(hn::Vec<BitsTag> half) {
  const FloatTag d;
  const BitsTag du;
  const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(du, 0x8000U)));
  const auto magnitude = hn::And(half, hn::Set(du, 0x7FFFU));
  const auto rebias = hn::Set(du, 112U << 23U);
  auto wide = hn::Add(hn::ShiftLeft<13>(magnitude), rebias);
  const auto special = hn::Gt(magnitude, hn::Set(du, 0x7BFFU));  // infinity and NaN
  wide = hn::Add(wide, hn::IfThenElseZero(special, rebias));
  // Subnormals are multiples of 2^-24, exact in F32.
  const hn::RebindToSigned<BitsTag> di;
  const auto tiny = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, magnitude)), hn::Set(d, 5.9604644775390625e-8F));
  const auto isTiny = hn::Lt(magnitude, hn::Set(du, 0x400U));
  return hn::Or(sign, hn::IfThenElse(isTiny, hn::BitCast(du, tiny), wide));
}

hn::Vec<BitsTag> narrowHalf(hn::Vec<BitsTag> bits) {
  const FloatTag d;
  const BitsTag du;
  const auto sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 0x8000U));
  const auto magnitude = hn::And(bits, hn::Set(du, 0x7FFFFFFFU));
  const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(du, 1U));
  const auto rounded = hn::Add(hn::Sub(magnitude, hn::Set(du, 0x38000000U)), hn::Add(odd, hn::Set(du, 0xFFFU)));
  auto half = hn::ShiftRight<13>(rounded);
  // Subnormal: adding 0.5 rounds to multiples of 2^-24.
  const auto shifted = hn::Add(hn::BitCast(d, magnitude), hn::Set(d, 0.5F));
  const auto tiny = hn::Sub(hn::BitCast(du, shifted), hn::Set(du, 0x3F000000U));
  half = hn::IfThenElse(hn::Lt(magnitude, hn::Set(du, 0x38800000U)), tiny, half);
  half = hn::IfThenElse(hn::Gt(magnitude, hn::Set(du, 0x477FEFFFU)), hn::Set(du, 0x7C00U), half);
  half = hn::IfThenElse(hn::Gt(magnitude, hn::Set(du, 0x7F800000U)), hn::Set(du, 0x7E00U), half);
  return hn::Or(sign, half);
}

hn::Vec<BitsTag> narrowBfloat16(hn::Vec<BitsTag> bits) {
  const BitsTag du;
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1U));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7FFFU))));
  const auto nan = hn::Or(hn::ShiftRight<16>(bits), hn::Set(du, 0x40U));
  const auto magnitude = hn::And(bits, hn::Set(du, 0x7FFFFFFFU));
  return hn::IfThenElse(hn::Gt(magnitude, hn::Set(du, 0x7F800000U)), nan, rounded);
}

// Where the processor widens F16 itself it is faster, and gives the same bits but for signalling NaNs.
hn::Vec<FloatTag> halvesAt(const std::byte* in) {
  const FloatTag d;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const hn::Rebind<hwy::float16_t, FloatTag> d16;
  const hn::Rebind<std::int16_t, FloatTag> ds;
  const auto raw = hn::LoadU(ShortBytesTag(), reinterpret_cast<const std::uint8_t*>(in));
  const auto magnitude = hn::And(hn::BitCast(ds, raw), hn::Set(ds, 0x7FFF));
  if (HWY_LIKELY(hn::AllFalse(ds, hn::Gt(magnitude, hn::Set(ds, 0x7C00)))))
    return hn::PromoteTo(d, hn::BitCast(d16, raw));
#endif
  return hn::BitCast(d, widenHalf(loadShorts(in)));
}

void halfToFloatLoop(const std::byte* in, std::size_t count, float* out) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(halvesAt(in + 2 * i), d, out + i);
  for (; i < count; ++i) out[i] = qs::halfToFloat(shortAt(in, i));
}

void bfloat16ToFloatLoop(const std::byte* in, std::size_t count, float* out) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(loadShorts(in + 2 * i))), d, out + i);
  for (; i < count; ++i) out[i] = qs::bfloat16ToFloat(shortAt(in, i));
}

void floatToHalfLoop(const float* in, std::size_t count, std::uint16_t* out) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) storeShorts(narrowHalf(hn::BitCast(BitsTag(), hn::LoadU(d, in + i))), out + i);
  for (; i < count; ++i) out[i] = qs::floatToHalf(in[i]);
}

void floatToBfloat16Loop(const float* in, std::size_t count, std::uint16_t* out) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    storeShorts(narrowBfloat16(hn::BitCast(BitsTag(), hn::LoadU(d, in + i))), out + i);
  for (; i < count; ++i) out[i] = qs::floatToBfloat16(in[i]);
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(halfToFloatLoop);
HWY_EXPORT(bfloat16ToFloatLoop);
HWY_EXPORT(floatToHalfLoop);
HWY_EXPORT(floatToBfloat16Loop);

void halfToFloat(const std::byte* in, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(halfToFloatLoop)(in, count, out);
}
void bfloat16ToFloat(const std::byte* in, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(bfloat16ToFloatLoop)(in, count, out);
}
void floatToHalf(const float* in, std::size_t count, std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(floatToHalfLoop)(in, count, out);
}
void floatToBfloat16(const float* in, std::size_t count, std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(floatToBfloat16Loop)(in, count, out);
}

}  // namespace qs::simd
#endif
