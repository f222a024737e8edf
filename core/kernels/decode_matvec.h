#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/run_context.h"

namespace qs {

/// Weight formats of the decode kernels: how one token's product y = W·x reads its weights.
enum class DecodeFormat : std::uint8_t { F32, F16, Int8, Int4 };

/// A weight matrix [rows, cols] laid out for decoding. Int8: symmetric, one scale a row. Int4: unsigned codes in groups
/// of `groupSize` inputs with F16 scales and 8-bit zero points; byte j of a group holds element j in its low nibble and
/// element j + groupSize/2 in its high one.
struct DecodeMatrix {
  static constexpr std::size_t kSpareScales = 16;  ///< zeros behind the last group, so that 16 can be read at once

  DecodeFormat format = DecodeFormat::F32;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t groupSize = 0;                 ///< Int4: 32, 64, 128 or 256; divides cols
  std::shared_ptr<const std::byte> weights;  ///< row after row; may lie within a larger buffer
  std::size_t weightBytes = 0;
  std::vector<float> rowScales;          ///< Int8: [rows]
  std::vector<std::uint16_t> scales;     ///< Int4: F16 [rows, groups], and kSpareScales that count for nothing
  std::vector<std::uint8_t> zeroPoints;  ///< Int4: likewise

  /// Bytes that one product reads.
  [[nodiscard]] std::size_t bytes() const;
};

/// Lays out F32 weights [rows, cols] in a format (Int8: max|w|/127 a row; Int4: asymmetric round-to-nearest). cols is a
/// multiple of 32 for Int8, of groupSize for Int4.
[[nodiscard]] DecodeMatrix makeDecodeMatrix(DecodeFormat format, std::span<const float> weights, std::size_t rows,
                                            std::size_t cols, std::size_t groupSize = 128);

/// One token's input, quantized once for all the rows that read it: symmetric 8 bit, s = max|x|/127.
struct DecodeInput {
  std::vector<float> values;           ///< [cols]
  std::vector<std::int16_t> codes;     ///< [cols] the 8-bit codes, widened
  std::vector<std::int8_t> byteCodes;  ///< [cols] the same
  std::vector<float> blockSums;        ///< sums of 32 codes each: whole numbers, exact in F32
  float scale = 0;
};
[[nodiscard]] DecodeInput makeDecodeInput(std::span<const float> values);

/// y[first..first+y.size()-1] of W·x. Integer formats multiply the codes in 32-bit integers and quantize the input; F32
/// and F16 use its values. The result does not depend on how rows are split over calls.
void decodeRows(const DecodeMatrix& matrix, const DecodeInput& input, std::size_t first, std::span<float> y);

}  // namespace qs
