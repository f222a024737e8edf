#include "core/kernels/k_quant_encode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>

#include "core/kernels/scale_search.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

using Codes = std::array<std::uint8_t, kSuperBlock>;
using Weights = std::array<float, kSuperBlock>;

// How much an error of a value counts when no importance is given.
enum class Weighting { Magnitude, Square, SpreadPlusMagnitude };

Weights weightsOf(const float* values, const float* importance, Weighting weighting, int subBlock) {
  Weights weights{};
  for (int first = 0; first < kSuperBlock; first += subBlock) {
    float squares = 0;
    for (int i = first; i < first + subBlock; ++i) squares += values[i] * values[i];
    const float spread = std::sqrt(squares / static_cast<float>(subBlock));
    for (int i = first; i < first + subBlock; ++i) {
      const float x = std::fabs(values[i]);
      const float own = weighting == Weighting::Magnitude ? x : weighting == Weighting::Square ? x * x : spread + x;
      const float shared = importance == nullptr ? own : importance[i] * std::sqrt(spread * spread + x * x);
      weights[static_cast<std::size_t>(i)] = shared;
    }
  }
  // A sub-block of zero weight still needs its values kept.
  for (float& weight : weights) weight = std::max(weight, 1e-30F);
  return weights;
}

void storeHalf(std::uint8_t* out, std::uint16_t bits) { std::memcpy(out, &bits, sizeof bits); }

std::span<const float> part(const float* values, int first, int count) {
  return {values + first, static_cast<std::size_t>(count)};
}

std::span<const float> part(const Weights& weights, int first, int count) {
  return std::span(weights).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

// Scale and minimum of each sub-block as integers over the two F16 super-block factors.
template <int kBlocks>
struct ScalesAndMinima {
  std::array<std::uint8_t, kBlocks> scale{};
  std::array<std::uint8_t, kBlocks> minimum{};
  std::uint16_t d = 0;
  std::uint16_t dmin = 0;
  Codes codes{};
};

// Within the limits; 0 for what is no number.
int nearestInteger(float value, int low, int high) {
  if (std::isnan(value)) return 0;
  return static_cast<int>(std::clamp(std::nearbyint(value), static_cast<float>(low), static_cast<float>(high)));
}

template <int kBlocks>
ScalesAndMinima<kBlocks> fitSuperBlock(const float* values, const Weights& weights, int maxCode, int maxScale,
                                       float firstStep, int steps) {
  constexpr int kLength = kSuperBlock / kBlocks;
  std::array<ScaleAndMinimum, kBlocks> fits;
  float largestScale = 0;
  float largestMinimum = 0;
  for (int b = 0; b < kBlocks; ++b) {
    auto& fit = fits[static_cast<std::size_t>(b)];
    fit = searchScaleAndMinimum(part(values, b * kLength, kLength), part(weights, b * kLength, kLength), maxCode,
                                firstStep, steps);
    largestScale = std::max(largestScale, fit.scale);
    largestMinimum = std::max(largestMinimum, fit.minimum);
  }
  ScalesAndMinima<kBlocks> result;
  result.d = floatToHalf(largestScale / static_cast<float>(maxScale));
  result.dmin = floatToHalf(largestMinimum / static_cast<float>(maxScale));
  const float d = halfToFloat(result.d);
  const float dmin = halfToFloat(result.dmin);
  for (std::size_t b = 0; b < kBlocks; ++b) {
    result.scale[b] = static_cast<std::uint8_t>(d > 0 ? nearestInteger(fits[b].scale / d, 0, maxScale) : 0);
    result.minimum[b] = static_cast<std::uint8_t>(dmin > 0 ? nearestInteger(fits[b].minimum / dmin, 0, maxScale) : 0);
    const float scale = d * static_cast<float>(result.scale[b]);
    const float minimum = dmin * static_cast<float>(result.minimum[b]);
    for (std::size_t i = b * kLength; i < (b + 1) * kLength; ++i)
      result.codes[i] =
          static_cast<std::uint8_t>(scale > 0 ? nearestInteger((values[i] + minimum) / scale, 0, maxCode) : 0);
  }
  return result;
}

// The plane layout of two-bit fields of Q2_K and Q3_K.
void packPlanes(const Codes& codes, std::uint8_t* qs) {
  for (int e = 0; e < kSuperBlock; ++e) {
    const int shift = 2 * (e % 128 / 32);
    std::uint8_t& byte = qs[32 * (e / 128) + e % 32];
    byte =
        static_cast<std::uint8_t>(byte | ((codes[static_cast<std::size_t>(e)] & 3U) << static_cast<unsigned>(shift)));
  }
}

// Low nibbles of Q4_K and Q5_K: bytes 32i.. hold sub-blocks 2i and 2i + 1.
void packKNibbles(const Codes& codes, std::uint8_t* qs) {
  for (int e = 0; e < kSuperBlock; ++e) {
    std::uint8_t& byte = qs[32 * (e / 64) + e % 32];
    byte = static_cast<std::uint8_t>(byte | ((codes[static_cast<std::size_t>(e)] & 15U) << (e % 64 < 32 ? 0U : 4U)));
  }
}

// Eight pairs of 6-bit numbers in 12 bytes.
void packKScales(const ScalesAndMinima<8>& fit, std::uint8_t* scales) {
  for (std::size_t j = 0; j < 4; ++j) {
    const unsigned scale = fit.scale[j];
    const unsigned minimum = fit.minimum[j];
    const unsigned laterScale = fit.scale[j + 4];
    const unsigned laterMinimum = fit.minimum[j + 4];
    scales[j] = static_cast<std::uint8_t>(scale | ((laterScale >> 4U) << 6U));
    scales[j + 4] = static_cast<std::uint8_t>(minimum | ((laterMinimum >> 4U) << 6U));
    scales[j + 8] = static_cast<std::uint8_t>((laterScale & 15U) | ((laterMinimum & 15U) << 4U));
  }
}

// Sixteen signed sub-block scales over one F16 factor, and signed codes plus their offset.
struct SymmetricFit {
  std::array<int, 16> scale{};
  std::uint16_t d = 0;
  Codes codes{};
};

SymmetricFit fitSymmetric(const float* values, const Weights& weights, int negative, int lowestScale) {
  std::array<float, 16> scales{};
  float extreme = 0;
  for (int b = 0; b < 16; ++b) {
    const float scale = searchSymmetricScale(part(values, 16 * b, 16), part(weights, 16 * b, 16), negative);
    scales[static_cast<std::size_t>(b)] = scale;
    if (std::fabs(scale) > std::fabs(extreme)) extreme = scale;
  }
  SymmetricFit fit;
  fit.d = floatToHalf(extreme / static_cast<float>(lowestScale));
  const float d = halfToFloat(fit.d);
  for (std::size_t b = 0; b < 16; ++b) {
    fit.scale[b] = d != 0.0F ? nearestInteger(scales[b] / d, lowestScale, -lowestScale - 1) : 0;
    const float step = d * static_cast<float>(fit.scale[b]);
    for (std::size_t i = 16 * b; i < 16 * (b + 1); ++i) {
      const int q = step != 0.0F ? nearestInteger(values[i] / step, -negative, negative - 1) : 0;
      fit.codes[i] = static_cast<std::uint8_t>(q + negative);
    }
  }
  return fit;
}

}  // namespace

void encodeQ2K(const float* values, const float* importance, std::uint8_t* out) {
  const Weights weights = weightsOf(values, importance, Weighting::Magnitude, 16);
  const auto fit = fitSuperBlock<16>(values, weights, 3, 15, -0.5F, 15);
  std::memset(out, 0, 84);
  for (std::size_t b = 0; b < 16; ++b)
    out[b] = static_cast<std::uint8_t>(fit.scale[b] | static_cast<unsigned>(fit.minimum[b]) << 4U);
  packPlanes(fit.codes, out + 16);
  storeHalf(out + 80, fit.d);
  storeHalf(out + 82, fit.dmin);
}

void encodeQ3K(const float* values, const float* importance, std::uint8_t* out) {
  const SymmetricFit fit = fitSymmetric(values, weightsOf(values, importance, Weighting::Square, 16), 4, -32);
  std::memset(out, 0, 110);
  for (std::size_t e = 0; e < kSuperBlock; ++e)
    out[e % 32] = static_cast<std::uint8_t>(out[e % 32] | ((fit.codes[e] >> 2U) & 1U) << (e / 32));
  packPlanes(fit.codes, out + 32);
  std::uint8_t* scales = out + 96;
  for (std::size_t s = 0; s < 16; ++s) {
    const auto stored = static_cast<unsigned>(fit.scale[s] + 32);
    scales[s % 8] = static_cast<std::uint8_t>(scales[s % 8] | (stored & 15U) << (s < 8 ? 0U : 4U));
    scales[8 + s % 4] = static_cast<std::uint8_t>(scales[8 + s % 4] | (stored >> 4U) << (2 * (s / 4)));
  }
  storeHalf(out + 108, fit.d);
}

void encodeQ4K(const float* values, const float* importance, std::uint8_t* out) {
  const Weights weights = weightsOf(values, importance, Weighting::SpreadPlusMagnitude, 32);
  const auto fit = fitSuperBlock<8>(values, weights, 15, 63, -1.0F, 20);
  std::memset(out, 0, 144);
  storeHalf(out, fit.d);
  storeHalf(out + 2, fit.dmin);
  packKScales(fit, out + 4);
  packKNibbles(fit.codes, out + 16);
}

void encodeQ5K(const float* values, const float* importance, std::uint8_t* out) {
  const Weights weights = weightsOf(values, importance, Weighting::SpreadPlusMagnitude, 32);
  const auto fit = fitSuperBlock<8>(values, weights, 31, 63, -0.5F, 15);
  std::memset(out, 0, 176);
  storeHalf(out, fit.d);
  storeHalf(out + 2, fit.dmin);
  packKScales(fit, out + 4);
  for (std::size_t e = 0; e < kSuperBlock; ++e)
    out[16 + e % 32] = static_cast<std::uint8_t>(out[16 + e % 32] | (fit.codes[e] >> 4U) << (e / 32));
  packKNibbles(fit.codes, out + 48);
}

void encodeQ6K(const float* values, const float* importance, std::uint8_t* out) {
  const SymmetricFit fit = fitSymmetric(values, weightsOf(values, importance, Weighting::Square, 16), 32, -128);
  std::memset(out, 0, 210);
  for (std::size_t e = 0; e < kSuperBlock; ++e) {
    const std::size_t half = e / 128;
    const std::size_t quarter = e % 128 / 32;
    const unsigned code = fit.codes[e];
    std::uint8_t& low = out[64 * half + 32 * (quarter % 2) + e % 32];
    low = static_cast<std::uint8_t>(low | (code & 15U) << (quarter < 2 ? 0U : 4U));
    std::uint8_t& high = out[128 + 32 * half + e % 32];
    high = static_cast<std::uint8_t>(high | (code >> 4U) << (2 * quarter));
  }
  for (std::size_t s = 0; s < 16; ++s) out[192 + s] = static_cast<std::uint8_t>(static_cast<std::int8_t>(fit.scale[s]));
  storeHalf(out + 208, fit.d);
}

}  // namespace qs
