#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "core/session/quant_report.h"

namespace qs {

/// A run's report with the keys of the command-line contract, and beside them what the HTML report draws.
[[nodiscard]] nlohmann::ordered_json runReportJson(const QuantReport& report);

/// "bits=4 group_size=128 …" in the order of the keys.
[[nodiscard]] std::string settingsText(const Settings& settings);

}  // namespace qs
