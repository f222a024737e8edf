#include "core/exporters/reports/compare_report.h"

#include "core/exporters/reports/run_report_json.h"
#include "core/session/settings_json.h"

namespace qs {

namespace {

using nlohmann::ordered_json;

ordered_json optionalJson(const std::optional<double>& value) {
  return value ? ordered_json(finiteOrNull(*value)) : ordered_json(nullptr);
}

ordered_json rowJson(const ComparisonRow& row) {
  return {{"method", row.method},
          {"settings", toJson(row.settings)},
          {"size_bytes", row.sizeBytes ? ordered_json(*row.sizeBytes) : ordered_json(nullptr)},
          {"bits_per_weight", optionalJson(row.bitsPerWeight)},
          {"perplexity", optionalJson(row.perplexity)},
          {"perplexity_stderr", optionalJson(row.perplexityStderr)},
          {"perplexity_change", optionalJson(row.perplexityChange)},
          {"mean_kl_divergence", optionalJson(row.meanDivergence)},
          {"median_kl_divergence", optionalJson(row.medianDivergence)},
          {"p999_kl_divergence", optionalJson(row.p999Divergence)},
          {"top1_agreement", optionalJson(row.top1Agreement)},
          {"mean_output_relative_error", optionalJson(row.meanOutputRelativeError)},
          {"decode_speedup", optionalJson(row.decodeSpeedup)},
          {"decode_speedup_low", optionalJson(row.decodeSpeedupLow)},
          {"decode_speedup_is_least", row.decodeSpeedupIsLeast},
          {"seconds", optionalJson(row.seconds)},
          {"status", name(row.status)},
          {"error", row.error.empty() ? ordered_json(nullptr) : ordered_json(row.error)}};
}

std::string optionalExact(const std::optional<double>& value) { return value ? exactText(*value) : std::string(); }

std::string optionalRounded(const std::optional<double>& value, int digits) {
  return value ? roundedText(*value, digits) : std::string("-");
}

std::string speedText(const ComparisonRow& row) {
  if (!row.decodeSpeedup) return row.onlySimulated ? "not measured" : "-";
  return (row.decodeSpeedupIsLeast ? ">=" : "") + roundedText(*row.decodeSpeedup, 3) + " (" +
         roundedText(*row.decodeSpeedupLow, 3) + ")";
}

std::string sizeText(const ComparisonRow& row) { return row.sizeBytes ? std::to_string(*row.sizeBytes) : "-"; }

}  // namespace

ordered_json compareReportJson(const std::string& model, const ComparisonResult& result) {
  ordered_json list = ordered_json::array();
  for (const ComparisonRow& row : result.rows) list.push_back(rowJson(row));
  const EvaluatedText& text = result.text;
  ordered_json scored{{"text", text.name}, {"tokens", text.tokens}, {"windows", text.windows}, {"window", text.window}};
  return {{"model", model}, {"evaluation", std::move(scored)}, {"rows", std::move(list)}};
}

TextTable compareTable(std::span<const ComparisonRow> rows) {
  TextTable table{.header = {"method", "settings", "size_bytes", "bits_per_weight", "perplexity", "perplexity_stderr",
                             "perplexity_change", "mean_kl_divergence", "median_kl_divergence", "p999_kl_divergence",
                             "top1_agreement", "mean_output_relative_error", "decode_speedup", "decode_speedup_low",
                             "decode_speedup_is_least", "seconds", "status", "error"}};
  for (const ComparisonRow& row : rows)
    table.rows.push_back(
        {row.method, settingsText(row.settings), sizeText(row), optionalExact(row.bitsPerWeight),
         optionalExact(row.perplexity), optionalExact(row.perplexityStderr), optionalExact(row.perplexityChange),
         optionalExact(row.meanDivergence), optionalExact(row.medianDivergence), optionalExact(row.p999Divergence),
         optionalExact(row.top1Agreement), optionalExact(row.meanOutputRelativeError), optionalExact(row.decodeSpeedup),
         optionalExact(row.decodeSpeedupLow), row.decodeSpeedupIsLeast ? "true" : "false", optionalExact(row.seconds),
         std::string(name(row.status)), row.error});
  return table;
}

TextTable compareSummary(std::span<const ComparisonRow> rows) {
  TextTable table{.header = {"method", "size bytes", "bits/weight", "perplexity", "+/-", "change", "KL", "top-1",
                             "output error", "speedup (slowest)", "seconds", "status"}};
  for (const ComparisonRow& row : rows)
    table.rows.push_back({row.method, sizeText(row), optionalRounded(row.bitsPerWeight, 4),
                          optionalRounded(row.perplexity, 5), optionalRounded(row.perplexityStderr, 2),
                          optionalRounded(row.perplexityChange, 3), optionalRounded(row.meanDivergence, 3),
                          optionalRounded(row.top1Agreement, 4), optionalRounded(row.meanOutputRelativeError, 3),
                          speedText(row), optionalRounded(row.seconds, 3), std::string(name(row.status))});
  return table;
}

}  // namespace qs
