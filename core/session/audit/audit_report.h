#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/shape.h"

namespace qs {

/// What can be wrong with a quantized checkpoint.
enum class FaultKind : std::uint8_t {
  ZeroPointOffByOne,
  CodeSign,         ///< codes in two's complement where they are offset by half their range, or the other way round
  NibbleOrder,      ///< codes or zero points packed in another order than the format's
  GroupAxis,        ///< scales laid out, or groups cut, along the other dimension; a group index that isn't theirs
  HeadPermutation,  ///< rows of q or k in the other rotary layout
  ScalePlacement,   ///< scales that belong elsewhere or enter the formula at another place; input scales not folded
  BadScale,         ///< NaN, infinite or zero scales
  Missing,
  Extra,
  Untouched,  ///< left unquantized although its like are quantized
  TiedHead,   ///< head stored apart from the embedding that it is tied to
  ShapeMismatch,
  Unreadable,  ///< its components don't fit together
  Changed,     ///< an unquantized tensor with other values than the original's
  LargeError,  ///< an error far above what the bits explain
};

/// "zero_point_off_by_one": for files.
[[nodiscard]] std::string_view faultId(FaultKind kind);
/// "zero point off by one": for people.
[[nodiscard]] std::string_view faultTitle(FaultKind kind);

/// A fault, with the evidence.
struct AuditFault {
  FaultKind kind = FaultKind::LargeError;
  std::string message;  ///< "with every zero point less one the SQNR rises from 8.1 to 20.3 dB"

  bool operator==(const AuditFault&) const = default;
};

/// How a tensor's values differ from the original's, after undoing folded scales.
struct AuditFigures {
  double sqnrDb = 0;  ///< infinite when equal
  double cosine = 0;
  double maxAbsError = 0;

  bool operator==(const AuditFigures&) const = default;
};

/// What was found of one tensor, named as in the original (extra ones as in the checkpoint).
struct TensorAudit {
  std::string name;
  Shape shape;
  std::string originalType;             ///< dtype or stored scheme; empty when extra
  std::string quantizedType;            ///< likewise; empty when missing
  double bitsPerWeight = 0;             ///< as stored in the checkpoint, scales included; 0 when missing
  std::optional<AuditFigures> figures;  ///< absent where values can't be compared
  std::string note;                     ///< what is worth knowing and no fault, such as a scale undone
  std::vector<AuditFault> faults;

  bool operator==(const TensorAudit&) const = default;
};

/// What was found of a checkpoint.
struct AuditReport {
  std::string original;
  std::string quantized;
  std::string format;                 ///< of the quantized checkpoint
  std::vector<TensorAudit> tensors;   ///< in the original's order, then the extra ones
  std::vector<std::string> warnings;  ///< of opening the checkpoint
  std::uint64_t parameters = 0;
  std::uint64_t originalBytes = 0;
  std::uint64_t quantizedBytes = 0;

  bool operator==(const AuditReport&) const = default;

  [[nodiscard]] double bitsPerWeight() const;
  [[nodiscard]] std::size_t faultCount() const;
};
using AuditReportPtr = std::shared_ptr<const AuditReport>;

}  // namespace qs
