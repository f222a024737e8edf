#pragma once

#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "core/exporters/reports/text_table.h"
#include "core/session/compare_methods.h"

namespace qs {

/// A comparison with the keys of the command-line contract.
[[nodiscard]] nlohmann::ordered_json compareReportJson(const std::string& model, const ComparisonResult& result);
/// The same as a table with exact numbers, for CSV and Markdown.
[[nodiscard]] TextTable compareTable(std::span<const ComparisonRow> rows);
/// The same rounded, for reading.
[[nodiscard]] TextTable compareSummary(std::span<const ComparisonRow> rows);

}  // namespace qs
