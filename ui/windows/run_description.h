#pragma once

#include <QString>
#include <utility>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/session/compare_methods.h"
#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "ui/charts/tradeoff_view.h"
#include "ui/models/comparison_model.h"
#include "ui/support/palette.h"

namespace qs {

/// Name, fixed colour and fixed marker of a method by its id.
[[nodiscard]] MethodStyle styleOf(const std::string& method);
/// A run's name, colour and marker: "GPTQ 4-bit".
[[nodiscard]] MethodStyle runStyle(const QuantRequest& request);
/// The same for two runs; where they would be called the same, by their settings: "GPTQ 4-bit, groups of 64".
[[nodiscard]] std::pair<MethodStyle, MethodStyle> runStyles(const QuantRequest& a, const QuantRequest& b);
/// The settings in few words: "4-bit, groups of 128, symmetric", and whatever else differs from the defaults.
[[nodiscard]] QString settingsText(const QuantRequest& request);
/// Bytes of a whole model as stored.
[[nodiscard]] std::uint64_t modelBytes(const Checkpoint& model);
/// The row of the unquantized model.
[[nodiscard]] ComparisonEntry unquantizedRow(const Checkpoint& model, int id);
/// The row of a run that begins.
[[nodiscard]] ComparisonEntry runningRow(const QuantRequest& request, int id);
/// The row of a finished run.
[[nodiscard]] ComparisonEntry finishedRow(const Checkpoint& model, const QuantRequest& request,
                                          const QuantReport& report, int id);
/// The row of a compared method, as far as it is measured.
[[nodiscard]] ComparisonEntry comparedEntry(const ComparisonRow& row, int id);
/// Points of the trade-off: size against perplexity where any row has one, else against weight error. A finished row
/// without that figure has NaN for it.
[[nodiscard]] std::vector<TradeoffPoint> tradeoffPoints(const std::vector<ComparisonEntry>& rows, QString* valueTitle);
/// The table as CSV with full precision, or as Markdown as shown.
[[nodiscard]] QByteArray toCsv(const std::vector<ComparisonEntry>& rows);
[[nodiscard]] QByteArray toMarkdown(const std::vector<ComparisonEntry>& rows);

}  // namespace qs
