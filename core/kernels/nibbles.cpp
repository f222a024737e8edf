#include "core/kernels/nibbles.h"

#include <cassert>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/nibbles.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using PairTag = hn::ScalableTag<std::uint16_t>;  // two codes a lane
using CodeTag = hn::Repartition<std::uint8_t, PairTag>;
using PackedTag = hn::Rebind<std::uint8_t, PairTag>;

// Whole vectors only; returns how many bytes are packed.
std::size_t packWhole(const std::uint8_t* codes, std::size_t pairs, std::uint8_t* packed) {
  const PairTag d;
  const auto low = hn::Set(d, 0x000F);
  const auto high = hn::Set(d, 0x00F0);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= pairs; i += hn::Lanes(d)) {
    const auto pair = hn::BitCast(d, hn::LoadU(CodeTag(), codes + 2 * i));
    const auto byte = hn::Or(hn::And(pair, low), hn::And(hn::ShiftRight<4>(pair), high));
    hn::StoreU(hn::DemoteTo(PackedTag(), hn::BitCast(hn::RebindToSigned<PairTag>(), byte)), PackedTag(), packed + i);
  }
  return i;
}

std::size_t unpackWhole(const std::uint8_t* packed, std::size_t pairs, std::uint8_t sign, std::uint8_t* codes) {
  const PairTag d;
  const auto low = hn::Set(d, 0x000F);
  const auto high = hn::Set(d, 0x0F00);
  const auto signs = hn::Set(CodeTag(), sign);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= pairs; i += hn::Lanes(d)) {
    const auto byte = hn::PromoteTo(d, hn::LoadU(PackedTag(), packed + i));
    const auto pair = hn::Or(hn::And(byte, low), hn::And(hn::ShiftLeft<4>(byte), high));
    hn::StoreU(hn::Sub(hn::Xor(hn::BitCast(CodeTag(), pair), signs), signs), CodeTag(), codes + 2 * i);
  }
  return i;
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(packWhole);
HWY_EXPORT(unpackWhole);
}  // namespace simd

using namespace simd;

void packNibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> packed) {
  assert(packed.size() == (codes.size() + 1) / 2);
  const std::size_t pairs = codes.size() / 2;
  std::size_t i = HWY_DYNAMIC_DISPATCH(packWhole)(codes.data(), pairs, packed.data());
  for (; i < pairs; ++i) packed[i] = static_cast<std::uint8_t>((codes[2 * i] & 15U) | codes[2 * i + 1] << 4U);
  if (codes.size() % 2 != 0) packed[pairs] = codes.back() & 15U;
}

void unpackNibbles(std::span<const std::uint8_t> packed, bool isSigned, std::span<std::uint8_t> codes) {
  assert(packed.size() == (codes.size() + 1) / 2);
  const std::uint8_t sign = isSigned ? 8 : 0;
  const std::size_t pairs = codes.size() / 2;
  const std::size_t whole = HWY_DYNAMIC_DISPATCH(unpackWhole)(packed.data(), pairs, sign, codes.data());
  for (std::size_t i = 2 * whole; i < codes.size(); ++i) {
    const unsigned code = i % 2 == 0 ? packed[i / 2] & 15U : packed[i / 2] >> 4U;
    codes[i] = static_cast<std::uint8_t>((code ^ sign) - sign);
  }
}

}  // namespace qs
#endif
