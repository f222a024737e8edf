#pragma once

#include <vector>

#include "core/session/audit/audit_report.h"
#include "core/session/audit/fold_finder.h"

namespace qs {

/// What stands for a tensor's type on screen and in files: the stored scheme, else the dtype's name.
[[nodiscard]] std::string typeText(const TensorInfo& tensor);
/// Whether a tensor is stored in fewer bits than a 16-bit float takes.
[[nodiscard]] bool isStoredQuantized(const TensorInfo& tensor);

/// Compares the values of pairs of tensors and names the faults in them. A fault is named where the error falls
/// strongly once it is undone. Thread-safe.
class TensorAuditor {
 public:
  /// `headRows`: rows of an attention head; empty = unknown, the usual ones are tried.
  TensorAuditor(const Checkpoint& original, const FoldFinder& folds, std::vector<std::size_t> headRows);

  /// Both tensors of the pair are there. Throws Cancelled; what a file says wrong becomes a fault.
  [[nodiscard]] TensorAudit audit(const TensorPair& pair, const RunContext& context) const;

 private:
  void compare(const TensorPair& pair, const RunContext& context, TensorAudit& result) const;

  const Checkpoint& m_original;
  const FoldFinder& m_folds;
  std::vector<std::size_t> m_headRows;
};

}  // namespace qs
