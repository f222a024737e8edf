#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace qs {

/// How a code becomes a number.
enum class NumberFormat : std::uint8_t {
  Integer,   ///< (code − zero point) · scale
  Codebook,  ///< codebook[code] · scale: NF4, MXFP4 (E2M1), FP8 (E4M3)
};

/// Ranges of symmetric integer codes.
enum class SymmetricRange : std::uint8_t {
  Restricted,  ///< scale = max|w| / (2^(b−1) − 1)
  Full,        ///< scale = 2·max|w| / (2^b − 1)
};

/// The type in which scales are stored. Codes are made from the scale as stored.
enum class ScaleType : std::uint8_t { F32, F16, BF16, E8M0 };

[[nodiscard]] int bitsOf(ScaleType type);
/// "BF16".
[[nodiscard]] std::string toText(ScaleType type);
/// The nearest value of the type. F16 underflow to zero gives the smallest positive F16 (a zero scale is never stored).
[[nodiscard]] float roundToScaleType(float scale, ScaleType type);

inline constexpr std::int64_t kPerChannel = -1;  ///< group size: one scale an output channel
inline constexpr std::int64_t kPerTensor = 0;    ///< group size: one scale for the matrix

/// How a weight matrix is stored.
struct QuantScheme {
  NumberFormat number = NumberFormat::Integer;
  int bits = 4;
  bool symmetric = false;  ///< integer codes are signed and there is no zero point
  SymmetricRange range = SymmetricRange::Restricted;
  std::int64_t groupSize = 128;  ///< inputs a scale; kPerChannel or kPerTensor; the last group of a row may be shorter
  ScaleType scaleType = ScaleType::F32;
  bool realZeroPoint = false;  ///< HQQ: the zero point is a real number (kept in F32 or F16 like the scale)
  std::string codebookName;    ///< "nf4", "e2m1", "e4m3"; empty for integers

  bool operator==(const QuantScheme&) const = default;

  /// Inputs covered by a group of a row of `cols` inputs: groupSize, or the whole row.
  [[nodiscard]] std::size_t groupLength(std::size_t cols) const;
  /// Groups along a row: ceil(cols / groupLength). 1 per channel and per tensor.
  [[nodiscard]] std::size_t groupsPerRow(std::size_t cols) const;
  /// Scales of a [rows, cols] matrix.
  [[nodiscard]] std::size_t scaleCount(std::size_t rows, std::size_t cols) const;
  [[nodiscard]] int minCode() const;  ///< −2^(b−1) when symmetric, else 0
  [[nodiscard]] int maxCode() const;
  /// "4-bit asymmetric, groups of 128".
  [[nodiscard]] std::string toText() const;
};

}  // namespace qs
