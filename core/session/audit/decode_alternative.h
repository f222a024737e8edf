#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/session/audit/audit_report.h"
#include "core/session/audit/tensor_rows.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Another way to decode a stored tensor. Where it comes much closer to the original than the format's way, the
/// checkpoint has the fault.
struct DecodeAlternative {
  FaultKind kind = FaultKind::LargeError;
  std::string premise;  ///< "with every zero point less one"
  TensorRows rows;
  double errorRatio = 0.4;  ///< squared error, compared with the format's way, below which the fault is named
};

/// Zero points one more and one less, the sign of the codes, fields of the packed words in other orders, scales along
/// the other axis or at another place.
[[nodiscard]] std::vector<DecodeAlternative> codeAlternatives(const std::shared_ptr<const QuantizedTensor>& tensor);

/// Orders of the values within runs of inputs that share a scale: for formats whose codes aren't at hand (GGUF blocks,
/// bitsandbytes).
[[nodiscard]] std::vector<DecodeAlternative> valueAlternatives(const TensorRows& decoded);

/// The rows of each head of `headRows` rows in the other rotary layout, both ways.
[[nodiscard]] std::vector<DecodeAlternative> headAlternatives(const TensorRows& decoded,
                                                              const std::vector<std::size_t>& headRows);

/// Alternatives with values fitted to the original. They explain less than the others and are asked last: offsets of
/// runs of 32 (`inBlocks`), one scale a group where there are codes, one factor for the tensor.
[[nodiscard]] std::vector<DecodeAlternative> fittedAlternatives(const TensorRows& original, const TensorRows& decoded,
                                                                const std::shared_ptr<const QuantizedTensor>& tensor,
                                                                bool inBlocks, const ErrorStats& stats);

}  // namespace qs
