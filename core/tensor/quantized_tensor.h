#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/tensor/matrix.h"
#include "core/tensor/quant_scheme.h"
#include "core/tensor/unset_vector.h"

namespace qs {

/// Which method an input scale comes from: it names the tensor in exports (`.smooth_scale`, `.awq_scale`).
enum class InputScaleKind : std::uint8_t { Smooth, Awq };

/// How a W8A8 layer's inputs are quantized at run time.
struct ActivationScheme {
  int bits = 8;
  bool perToken = true;        ///< one symmetric scale a token, found at run time; else one for the tensor
  bool isStatic = false;       ///< the tensor's scale is frozen from calibration
  bool symmetric = true;       ///< otherwise unsigned codes with a zero point
  float scale = 0;             ///< static only
  std::int32_t zeroPoint = 0;  ///< static and asymmetric only

  bool operator==(const ActivationScheme&) const = default;
};

/// Second-level quantization of the scales (NF4 double quantization): what is stored instead of F32 scales. `scales` of
/// the tensor already holds the decoded values.
struct NestedScales {
  std::vector<std::uint8_t> codes;  ///< one a scale
  std::vector<float> codebook;      ///< [256]
  std::vector<float> absMax;        ///< one a block of `blockSize` scales
  float offset = 0;
  std::size_t blockSize = 256;

  bool operator==(const NestedScales&) const = default;
};

/// A quantized weight matrix [rows = out_features, cols = in_features], unpacked: what every exporter packs and every
/// importer makes. Its dequantized values are the only truth about a method's error.
struct QuantizedTensor {
  QuantScheme scheme;
  std::size_t rows = 0;
  std::size_t cols = 0;
  UnsetVector<std::uint8_t> codes;  ///< [rows, cols]; signed codes (symmetric) as two's complement
  std::vector<float> scales;        ///< [rows, groupsPerRow], or one; as stored, widened to F32
  std::vector<float> zeroPoints;    ///< as `scales`; empty when symmetric or a codebook; integers unless realZeroPoint
  std::vector<std::int32_t> groupIndex;  ///< [cols] group of each input; empty = input / groupLength
  std::vector<float> codebook;           ///< values of the codes; empty for integers
  std::vector<float> inputScale;         ///< [cols] the factor s of W·diag(s) that was quantized; empty = none
  InputScaleKind inputScaleKind = InputScaleKind::Smooth;
  std::optional<ActivationScheme> activations;
  std::optional<NestedScales> nestedScales;

  bool operator==(const QuantizedTensor&) const = default;

  [[nodiscard]] int code(std::size_t row, std::size_t col) const {
    const std::uint8_t raw = codes[row * cols + col];
    return scheme.symmetric && codebook.empty() ? static_cast<std::int8_t>(raw) : raw;
  }
  /// Index into scales and zeroPoints of the unit that holds a weight.
  [[nodiscard]] std::size_t unit(std::size_t row, std::size_t col) const;
  /// Bytes of codes (packed densely), scales, zero points, group index and nested scales, each rounded up to whole
  /// bytes. Input scales count nothing: they fold into the operation before.
  [[nodiscard]] std::uint64_t storedBytes() const;
  [[nodiscard]] double bitsPerWeight() const;
};

/// Whether both stand for the same weights, being the same codes on the same grids. Others may do so too.
[[nodiscard]] bool haveSameCodes(const QuantizedTensor& a, const QuantizedTensor& b);

/// The weights that the codes stand for, in the original domain (an input scale divided out again), rows
/// firstRow..firstRow+out.rows-1 into `out` [rows, cols]. F32 arithmetic: (code − zero) · scale [/ inputScale].
void dequantizeRows(const QuantizedTensor& tensor, std::size_t firstRow, MatrixSpan out);
/// As dequantizeRows, in the scaled domain W·diag(s): what a runtime multiplies with the scaled inputs.
void dequantizeScaledRows(const QuantizedTensor& tensor, std::size_t firstRow, MatrixSpan out);
[[nodiscard]] Matrix dequantize(const QuantizedTensor& tensor);

}  // namespace qs
