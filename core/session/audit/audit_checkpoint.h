#pragma once

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/session/audit/audit_report.h"

namespace qs {

/// Compares an original with a quantized checkpoint of it, tensor by tensor, and names the faults of the checkpoint.
/// Folded input scales (AWQ, SmoothQuant) are found and undone first. At most a few tensors are in memory; the result
/// is the same for any number of threads. Call it in a worker arena. Throws Cancelled.
[[nodiscard]] AuditReport auditCheckpoint(const Checkpoint& original, const Checkpoint& quantized,
                                          const RunContext& context);

}  // namespace qs
