#include "core/session/audit/audit_report.h"

#include <array>

namespace qs {

namespace {

struct FaultRow {
  FaultKind kind;
  std::string_view id;
  std::string_view title;
};

constexpr std::array kFaults{
    FaultRow{FaultKind::ZeroPointOffByOne, "zero_point_off_by_one", "zero point off by one"},
    FaultRow{FaultKind::CodeSign, "code_sign", "sign of the codes"},
    FaultRow{FaultKind::NibbleOrder, "nibble_order", "nibble order"},
    FaultRow{FaultKind::GroupAxis, "group_axis", "wrong group axis"},
    FaultRow{FaultKind::HeadPermutation, "qk_permutation", "q/k permutation"},
    FaultRow{FaultKind::ScalePlacement, "scale_placement", "scale in the wrong place"},
    FaultRow{FaultKind::BadScale, "bad_scale", "NaN or zero scale"},
    FaultRow{FaultKind::Missing, "missing", "missing tensor"},
    FaultRow{FaultKind::Extra, "extra", "extra tensor"},
    FaultRow{FaultKind::Untouched, "untouched", "untouched tensor"},
    FaultRow{FaultKind::TiedHead, "tied_head", "tied head quantized apart"},
    FaultRow{FaultKind::ShapeMismatch, "shape", "shape mismatch"},
    FaultRow{FaultKind::Unreadable, "unreadable", "can't be decoded"},
    FaultRow{FaultKind::Changed, "changed", "changed tensor"},
    FaultRow{FaultKind::LargeError, "large_error", "error larger than the bits explain"},
};

const FaultRow& rowOf(FaultKind kind) {
  for (const FaultRow& row : kFaults)
    if (row.kind == kind) return row;
  return kFaults.back();
}

}  // namespace

std::string_view faultId(FaultKind kind) { return rowOf(kind).id; }

std::string_view faultTitle(FaultKind kind) { return rowOf(kind).title; }

double AuditReport::bitsPerWeight() const {
  return parameters > 0 ? 8.0 * static_cast<double>(quantizedBytes) / static_cast<double>(parameters) : 0.0;
}

std::size_t AuditReport::faultCount() const {
  std::size_t count = 0;
  for (const TensorAudit& tensor : tensors) count += tensor.faults.size();
  return count;
}

}  // namespace qs
