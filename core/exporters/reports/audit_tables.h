#pragma once

#include <nlohmann/json.hpp>

#include "core/exporters/reports/text_table.h"
#include "core/session/audit/audit_report.h"

namespace qs {

/// An audit as JSON: every tensor with its figures, note and faults, and the totals.
[[nodiscard]] nlohmann::ordered_json auditReportJson(const AuditReport& report);
/// The same as a table with exact numbers, for CSV and Markdown: one row a tensor.
[[nodiscard]] TextTable auditTable(const AuditReport& report);
/// The same rounded, for reading; faults by their titles.
[[nodiscard]] TextTable auditSummary(const AuditReport& report);
/// Each fault in a line: "model.layers.0.mlp.up_proj.weight: nibble order: with …".
[[nodiscard]] std::vector<std::string> auditFaultLines(const AuditReport& report);

}  // namespace qs
