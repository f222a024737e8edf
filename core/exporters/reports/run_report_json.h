#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "core/session/quant_report.h"

namespace qs {

/// A run's report with the keys of the command-line contract, and beside them what the HTML report draws.
[[nodiscard]] nlohmann::ordered_json runReportJson(const QuantReport& report);

/// A run as one row of figures: what the comparison table shows of it.
struct RunRow {
  std::string method;
  std::string settings;  ///< "bits=4 group_size=128 symmetric=false"
  std::uint64_t sizeBytes = 0;
  double bitsPerWeight = 0;
  double meanWeightRelativeError = 0;
  std::optional<double> meanOutputRelativeError;
  double seconds = 0;
  std::string status;  ///< "done", "failed", "cancelled"
};
[[nodiscard]] RunRow rowOf(const QuantReport& report);

/// "bits=4 group_size=128 …" in the order of the keys.
[[nodiscard]] std::string settingsText(const Settings& settings);

}  // namespace qs
