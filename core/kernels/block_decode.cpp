#include "core/kernels/block_decode.h"

#include <cassert>
#include <cstdint>
#include <cstring>

#include "core/tensor/half.h"

namespace qs {

namespace {

using Bytes = const std::uint8_t*;

float halfAt(Bytes p) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, p, sizeof bits);
  return halfToFloat(bits);
}

std::uint32_t word32At(Bytes p) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, p, sizeof bits);
  return bits;
}

std::uint16_t word16At(Bytes p) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, p, sizeof bits);
  return bits;
}

float signedByte(std::uint8_t value) { return static_cast<float>(static_cast<std::int8_t>(value)); }

// In the 32-element types the low nibbles are elements 0 to 15, the high nibbles 16 to 31.
int nibble(Bytes qs, int element) { return element < 16 ? qs[element] & 15 : qs[element - 16] >> 4; }

void decodeQ4_0(Bytes p, float* out) {
  const float d = halfAt(p);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(nibble(p + 2, j) - 8) * d;
}

void decodeQ4_1(Bytes p, float* out) {
  const float d = halfAt(p);
  const float m = halfAt(p + 2);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(nibble(p + 4, j)) * d + m;
}

int fiveBits(Bytes qs, std::uint32_t high, int element) {
  return nibble(qs, element) | static_cast<int>(((high >> static_cast<unsigned>(element)) & 1U) << 4U);
}

void decodeQ5_0(Bytes p, float* out) {
  const float d = halfAt(p);
  const std::uint32_t high = word32At(p + 2);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(fiveBits(p + 6, high, j) - 16) * d;
}

void decodeQ5_1(Bytes p, float* out) {
  const float d = halfAt(p);
  const float m = halfAt(p + 2);
  const std::uint32_t high = word32At(p + 4);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(fiveBits(p + 8, high, j)) * d + m;
}

void decodeQ8_0(Bytes p, float* out) {
  const float d = halfAt(p);
  for (int j = 0; j < 32; ++j) out[j] = signedByte(p[2 + j]) * d;
}

void decodeIq4Nl(Bytes p, float* out) {
  const float d = halfAt(p);
  for (int j = 0; j < 32; ++j) out[j] = kIq4Codebook[static_cast<std::size_t>(nibble(p + 2, j))] * d;
}

void decodeMxfp4(Bytes p, float* out) {
  const float scale = e8m0ToFloat(p[0]);
  for (int j = 0; j < 32; ++j) out[j] = miniFloatToFloat(kE2M1, static_cast<std::uint8_t>(nibble(p + 1, j))) * scale;
}

// Four sub-blocks of 16 with an unsigned E4M3 scale each; within a sub-block the halves of 8 share bytes.
void decodeNvfp4(Bytes p, float* out) {
  for (int block = 0; block < 4; ++block) {
    const std::uint8_t code = p[block];
    const float scale = code == 0x7F ? 0.0F : miniFloatToFloat(kE4M3, static_cast<std::uint8_t>(code & 0x7FU));
    for (int j = 0; j < 16; ++j) {
      const std::uint8_t pair = p[4 + 8 * block + j % 8];
      const auto element = static_cast<std::uint8_t>(j < 8 ? pair & 15U : static_cast<unsigned>(pair) >> 4U);
      out[16 * block + j] = miniFloatToFloat(kE2M1, element) * scale;
    }
  }
}

void decodeQ1_0(Bytes p, float* out) {
  const float d = halfAt(p);
  for (int j = 0; j < 128; ++j) out[j] = ((p[2 + j / 8] >> (j % 8)) & 1) != 0 ? d : -d;
}

void decodeQ2_0(Bytes p, float* out) {
  const float d = halfAt(p);
  for (int j = 0; j < 64; ++j) out[j] = static_cast<float>(((p[2 + j / 4] >> (2 * (j % 4))) & 3) - 1) * d;
}

// Two bits of element e (0..255) in the plane layout of Q2_K and Q3_K: halves of 128, planes of 32.
int planeBits(Bytes qs, int element) {
  const int half = element / 128;
  const int plane = element % 128 / 32;
  return (qs[32 * half + element % 32] >> (2 * plane)) & 3;
}

void decodeQ2K(Bytes p, float* out) {
  const Bytes scales = p;
  const Bytes qs = p + 16;
  const float d = halfAt(p + 80);
  const float dmin = halfAt(p + 82);
  for (int e = 0; e < 256; ++e) {
    const int scale = scales[e / 16];
    out[e] = d * static_cast<float>(scale & 15) * static_cast<float>(planeBits(qs, e)) -
             dmin * static_cast<float>(scale >> 4);
  }
}

// The sixteen 6-bit scales of Q3_K, minus 32.
int q3Scale(Bytes scales, int s) {
  const int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
  const int top = (scales[8 + s % 4] >> (2 * (s / 4))) & 3;
  return (low | (top << 4)) - 32;
}

void decodeQ3K(Bytes p, float* out) {
  const Bytes highMask = p;
  const Bytes qs = p + 32;
  const Bytes scales = p + 96;
  const float d = halfAt(p + 108);
  for (int e = 0; e < 256; ++e) {
    const int high = (highMask[e % 32] >> (e / 32)) & 1;
    const int q = planeBits(qs, e) + 4 * high - 4;
    out[e] = d * static_cast<float>(q3Scale(scales, e / 16)) * static_cast<float>(q);
  }
}

struct ScaleMin {
  int scale;
  int min;
};

// Sub-block j's 6-bit scale and minimum of Q4_K and Q5_K.
ScaleMin kScaleMin(Bytes scales, int j) {
  if (j < 4) return {scales[j] & 63, scales[j + 4] & 63};
  return {(scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4), (scales[j + 4] >> 4) | ((scales[j] >> 6) << 4)};
}

// The four low bits of element e of Q4_K and Q5_K: 32 bytes hold two sub-blocks.
int kNibble(Bytes qs, int e) {
  const int pair = e / 64;
  const std::uint8_t byte = qs[32 * pair + e % 32];
  return e % 64 < 32 ? byte & 15 : byte >> 4;
}

void decodeQ4K(Bytes p, float* out) {
  const float d = halfAt(p);
  const float dmin = halfAt(p + 2);
  for (int e = 0; e < 256; ++e) {
    const ScaleMin sm = kScaleMin(p + 4, e / 32);
    out[e] =
        d * static_cast<float>(sm.scale) * static_cast<float>(kNibble(p + 16, e)) - dmin * static_cast<float>(sm.min);
  }
}

void decodeQ5K(Bytes p, float* out) {
  const float d = halfAt(p);
  const float dmin = halfAt(p + 2);
  const Bytes high = p + 16;
  for (int e = 0; e < 256; ++e) {
    const ScaleMin sm = kScaleMin(p + 4, e / 32);
    const int q = kNibble(p + 48, e) | (((high[e % 32] >> (e / 32)) & 1) << 4);
    out[e] = d * static_cast<float>(sm.scale) * static_cast<float>(q) - dmin * static_cast<float>(sm.min);
  }
}

void decodeQ6K(Bytes p, float* out) {
  const float d = halfAt(p + 208);
  for (int e = 0; e < 256; ++e) {
    const int half = e / 128;
    const int quarter = e % 128 / 32;
    const int l = e % 32;
    const std::uint8_t low = p[64 * half + 32 * (quarter % 2) + l];
    const int four = quarter < 2 ? low & 15 : low >> 4;
    const int two = (p[128 + 32 * half + l] >> (2 * quarter)) & 3;
    out[e] = d * signedByte(p[192 + e / 16]) * static_cast<float>((four | (two << 4)) - 32);
  }
}

void decodeIq4Xs(Bytes p, float* out) {
  const float d = halfAt(p);
  const std::uint16_t high = word16At(p + 2);
  for (int block = 0; block < 8; ++block) {
    const int low = (p[4 + block / 2] >> (4 * (block % 2))) & 15;
    const int scale = (low | (((high >> (2 * block)) & 3) << 4)) - 32;
    for (int j = 0; j < 32; ++j)
      out[32 * block + j] =
          d * static_cast<float>(scale) * kIq4Codebook[static_cast<std::size_t>(nibble(p + 8 + 16 * block, j))];
  }
}

using Decoder = void (*)(Bytes, float*);

Decoder decoderOf(DType type) {
  switch (type) {
    case DType::Q4_0:
      return decodeQ4_0;
    case DType::Q4_1:
      return decodeQ4_1;
    case DType::Q5_0:
      return decodeQ5_0;
    case DType::Q5_1:
      return decodeQ5_1;
    case DType::Q8_0:
      return decodeQ8_0;
    case DType::Q2_K:
      return decodeQ2K;
    case DType::Q3_K:
      return decodeQ3K;
    case DType::Q4_K:
      return decodeQ4K;
    case DType::Q5_K:
      return decodeQ5K;
    case DType::Q6_K:
      return decodeQ6K;
    case DType::IQ4_NL:
      return decodeIq4Nl;
    case DType::IQ4_XS:
      return decodeIq4Xs;
    case DType::MXFP4:
      return decodeMxfp4;
    case DType::NVFP4:
      return decodeNvfp4;
    case DType::Q1_0:
      return decodeQ1_0;
    case DType::Q2_0:
      return decodeQ2_0;
    default:
      return nullptr;
  }
}

}  // namespace

bool isBlockType(DType type) { return decoderOf(type) != nullptr; }

void decodeBlocks(DType type, std::span<const std::byte> bytes, std::span<float> out) {
  const Decoder decode = decoderOf(type);
  assert(decode != nullptr);
  const auto elements = static_cast<std::size_t>(traits(type).blockElements);
  const auto blockBytes = static_cast<std::size_t>(traits(type).bits / 8);
  assert(out.size() % elements == 0 && bytes.size() == out.size() / elements * blockBytes);
  for (std::size_t block = 0; block * elements < out.size(); ++block) {
    const auto* p = reinterpret_cast<Bytes>(bytes.data() + block * blockBytes);
    decode(p, out.data() + block * elements);
  }
}

}  // namespace qs
