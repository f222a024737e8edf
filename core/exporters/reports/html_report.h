#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace qs {

/// A page that stands by itself (no scripts, nothing fetched) from the JSON report of a run (`quantize --report`) or of
/// a comparison (`compare --json`): totals, tables, and the plots as inline SVG. `file` names the report in errors.
/// Throws Error (Input) where the JSON is neither.
[[nodiscard]] std::string htmlReport(const nlohmann::json& report, const std::string& file);

}  // namespace qs
