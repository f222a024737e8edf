#include "core/kernels/block_encode.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/kernels/block_decode.h"
#include "core/kernels/block_simd.h"
#include "core/kernels/k_quant_encode.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

constexpr int kBlock = 32;
constexpr std::array<float, 8> kFp4Magnitudes{0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};

void storeHalf(std::uint8_t* out, float value) {
  const std::uint16_t bits = floatToHalf(value);
  std::memcpy(out, &bits, sizeof bits);
}

// 0 for scales so small, 0 included, that the inverse overflows.
float inverseOf(float d) {
  const float inverse = 1.0F / d;
  return std::isfinite(inverse) ? inverse : 0.0F;
}

void packNibbles(const std::array<unsigned, kBlock>& codes, std::uint8_t* qs) {
  for (std::size_t j = 0; j < 16; ++j)
    qs[j] = static_cast<std::uint8_t>((codes[j] & 15U) | (codes[j + 16] & 15U) << 4U);
}

void packFifthBits(const std::array<unsigned, kBlock>& codes, std::uint8_t* out) {
  std::uint32_t high = 0;
  for (unsigned j = 0; j < kBlock; ++j) high |= ((codes[j] >> 4U) & 1U) << j;
  std::memcpy(out, &high, sizeof high);
}

// Codes around a mid value: the extreme lands exactly on code 0.
std::array<unsigned, kBlock> symmetricCodes(const float* values, float d, float half, int highest) {
  const float inverse = inverseOf(d);
  std::array<unsigned, kBlock> codes{};
  for (std::size_t j = 0; j < kBlock; ++j)
    codes[j] = static_cast<unsigned>(std::min(highest, static_cast<int>(values[j] * inverse + half)));
  return codes;
}

std::array<unsigned, kBlock> affineCodes(const float* values, float minimum, float d, int highest) {
  const float inverse = inverseOf(d);
  std::array<unsigned, kBlock> codes{};
  if (inverse == 0.0F) return codes;
  for (std::size_t j = 0; j < kBlock; ++j)  // NOLINTNEXTLINE(bugprone-incorrect-roundings): as the format defines it
    codes[j] = static_cast<unsigned>(std::min(highest, static_cast<int>((values[j] - minimum) * inverse + 0.5F)));
  return codes;
}

void encodeQ4_0(const float* values, const float*, std::uint8_t* out) {
  const float d = simd::blockExtreme(values) / -8.0F;
  storeHalf(out, d);
  simd::blockNibbles(values, inverseOf(d), out + 2);
}

void encodeQ5_0(const float* values, const float*, std::uint8_t* out) {
  const float d = simd::blockExtreme(values) / -16.0F;
  storeHalf(out, d);
  const auto codes = symmetricCodes(values, d, 16.5F, 31);
  packFifthBits(codes, out + 2);
  packNibbles(codes, out + 6);
}

void encodeQ4_1(const float* values, const float*, std::uint8_t* out) {
  const auto [low, high] = std::minmax_element(values, values + kBlock);
  const float d = (*high - *low) / 15.0F;
  storeHalf(out, d);
  storeHalf(out + 2, *low);
  packNibbles(affineCodes(values, *low, d, 15), out + 4);
}

void encodeQ5_1(const float* values, const float*, std::uint8_t* out) {
  const auto [low, high] = std::minmax_element(values, values + kBlock);
  const float d = (*high - *low) / 31.0F;
  storeHalf(out, d);
  storeHalf(out + 2, *low);
  const auto codes = affineCodes(values, *low, d, 31);
  packFifthBits(codes, out + 4);
  packNibbles(codes, out + 8);
}

void encodeQ8_0(const float* values, const float*, std::uint8_t* out) {
  const float d = std::fabs(simd::blockExtreme(values)) / 127.0F;
  storeHalf(out, d);
  simd::blockBytes(values, inverseOf(d), out + 2);
}

// Index of the nearest of ascending values, the lower one on ties. Counting the midpoints below needs no running
// minimum (whose vectorised form g++ 12 gets wrong at -O3).
template <std::size_t kSize>
unsigned nearest(const std::array<float, kSize>& ascending, float value) {
  unsigned index = 0;
  for (std::size_t i = 0; i + 1 < kSize; ++i) index += value > 0.5F * (ascending[i] + ascending[i + 1]) ? 1U : 0U;
  return index;
}

void encodeMxfp4(const float* values, const float*, std::uint8_t* out) {
  const float amax = std::fabs(simd::blockExtreme(values));
  const int exponent = amax > 0 ? std::clamp(std::ilogb(amax) - 2 + 127, 0, 254) : 0;
  out[0] = static_cast<std::uint8_t>(exponent);
  const float scale = e8m0ToFloat(out[0]);
  std::array<unsigned, kBlock> codes{};
  for (std::size_t j = 0; j < kBlock; ++j) {
    const unsigned magnitude = nearest(kFp4Magnitudes, std::fabs(values[j] / scale));
    codes[j] = magnitude != 0 && values[j] < 0 ? magnitude + 8 : magnitude;
  }
  packNibbles(codes, out + 1);
}

// Scale of least weighted error for IQ4_NL: candidates that put the extreme near either end, each refined by least
// squares.
void encodeIq4Nl(const float* values, const float* importance, std::uint8_t* out) {
  const float extreme = simd::blockExtreme(values);
  float best = 0;
  float bestGain = -1;
  for (int step = -7; step <= 7 && extreme != 0.0F; ++step) {
    const float inverse = (static_cast<float>(step) + kIq4Codebook.front()) / extreme;
    for (const float candidate : {inverse, -inverse}) {
      float qx = 0;
      float q2 = 0;
      for (int j = 0; j < kBlock; ++j) {
        const float weight = importance != nullptr ? importance[j] : values[j] * values[j];
        const float q = kIq4Codebook[nearest(kIq4Codebook, values[j] * candidate)];
        qx += weight * q * values[j];
        q2 += weight * q * q;
      }
      if (q2 > 0 && qx * qx > bestGain * q2) {
        best = qx / q2;
        bestGain = qx * qx / q2;
      }
    }
  }
  storeHalf(out, best);
  const float inverse = inverseOf(halfToFloat(floatToHalf(best)));
  std::array<unsigned, kBlock> codes{};
  for (std::size_t j = 0; j < kBlock; ++j) codes[j] = nearest(kIq4Codebook, values[j] * inverse);
  packNibbles(codes, out + 2);
}

using Encoder = void (*)(const float*, const float*, std::uint8_t*);

Encoder encoderOf(DType type) {
  switch (type) {
    case DType::Q4_0:
      return encodeQ4_0;
    case DType::Q4_1:
      return encodeQ4_1;
    case DType::Q5_0:
      return encodeQ5_0;
    case DType::Q5_1:
      return encodeQ5_1;
    case DType::Q8_0:
      return encodeQ8_0;
    case DType::IQ4_NL:
      return encodeIq4Nl;
    case DType::MXFP4:
      return encodeMxfp4;
    case DType::Q2_K:
      return encodeQ2K;
    case DType::Q3_K:
      return encodeQ3K;
    case DType::Q4_K:
      return encodeQ4K;
    case DType::Q5_K:
      return encodeQ5K;
    case DType::Q6_K:
      return encodeQ6K;
    default:
      return nullptr;
  }
}

}  // namespace

bool canEncodeBlocks(DType type) { return encoderOf(type) != nullptr; }

void encodeBlocks(DType type, std::span<const float> values, std::span<const float> importance,
                  std::span<std::byte> out) {
  const Encoder encode = encoderOf(type);
  assert(encode != nullptr && (importance.empty() || importance.size() == values.size()));
  const auto elements = static_cast<std::size_t>(traits(type).blockElements);
  const auto blockBytes = static_cast<std::size_t>(traits(type).bits / 8);
  assert(values.size() % elements == 0 && out.size() == values.size() / elements * blockBytes);
  auto* bytes = reinterpret_cast<std::uint8_t*>(out.data());
  for (std::size_t block = 0; block * elements < values.size(); ++block) {
    const float* weights = importance.empty() ? nullptr : importance.data() + block * elements;
    encode(values.data() + block * elements, weights, bytes + block * blockBytes);
  }
}

}  // namespace qs
