#include "ui/windows/run_description.h"

#include <QCoreApplication>
#include <algorithm>
#include <cmath>

#include "core/exporters/reports/text_table.h"
#include "core/quant/method_registry.h"
#include "core/session/layer_filter.h"
#include "core/session/training_results.h"
#include "ui/panels/layer_filter_form.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

QString translate(const char* text) { return QCoreApplication::translate("RunDescription", text); }

QString valueText(const ParamSpec& spec, const ParamValue& value) {
  const std::string text = toText(value);
  for (const ParamChoice& choice : spec.choices) {
    if (choice.value == text) return QString::fromStdString(choice.label);
  }
  return QString::fromStdString(text);
}

QString groupText(std::int64_t group) {
  if (group == kPerChannel) return translate("per channel");
  if (group == kPerTensor) return translate("per tensor");
  return translate("groups of %1").arg(group);
}

QString settingText(const ParamSpec& spec, const ParamValue& value) {
  if (spec.key == "bits") return translate("%1-bit").arg(std::get<std::int64_t>(value));
  if (spec.key == "group_size") return groupText(std::get<std::int64_t>(value));
  if (spec.key == "symmetric") return std::get<bool>(value) ? translate("symmetric") : translate("asymmetric");
  const QString label = QString::fromStdString(spec.label).toLower();
  if (const bool* on = std::get_if<bool>(&value)) return *on ? label : translate("no %1").arg(label);
  return label + QLatin1Char(' ') + valueText(spec, value);
}

const ParamValue& valueOf(const QuantRequest& request, const ParamSpec& spec) {
  return request.settings.contains(spec.key) ? request.settings.value(spec.key) : spec.defaultValue;
}

/// How scales are stored, where it isn't in full: two rows of the same settings differ by that alone.
QString scaleText(const MethodInfo& method, ScaleType type) {
  if (method.parameter("group_size") == nullptr && method.parameter("bits") == nullptr) return {};
  if (type == ScaleType::F16) return translate("F16 scales");
  if (type == ScaleType::BF16) return translate("BF16 scales");
  return {};
}

bool isAlwaysTold(const std::string& key) { return key == "bits" || key == "group_size" || key == "symmetric"; }

bool isFinished(const ComparisonEntry& row) {
  using Status = ComparisonEntry::Status;
  return row.status == Status::Done || row.status == Status::Stored || row.status == Status::Stopped;
}

/// How many of the methods before it share a method's colour.
int kindWithinSlot(const MethodInfo& info) {
  int kind = 0;
  for (const MethodInfo& other : allMethods()) {
    if (other.id == info.id) break;
    if (other.colorSlot == info.colorSlot) ++kind;
  }
  return kind;
}

ComparisonEntry::Status statusOf(RowStatus status) {
  switch (status) {
    case RowStatus::Waiting:
      return ComparisonEntry::Status::Waiting;
    case RowStatus::Running:
      return ComparisonEntry::Status::Running;
    case RowStatus::Done:
      return ComparisonEntry::Status::Done;
    case RowStatus::Failed:
      return ComparisonEntry::Status::Failed;
    case RowStatus::Cancelled:
      return ComparisonEntry::Status::Cancelled;
  }
  return ComparisonEntry::Status::Failed;
}

bool isText(int column) {
  return column == ComparisonModel::MethodColumn || column == ComparisonModel::SettingsColumn ||
         column == ComparisonModel::StatusColumn;
}

std::string csvCell(const ComparisonEntry& row, int column) {
  if (isText(column)) return ComparisonModel::text(row, column).toStdString();
  const auto value = ComparisonModel::number(row, column);
  return value ? number::toCText(*value).toStdString() : std::string();
}

}  // namespace

MethodStyle styleOf(const std::string& method) {
  const MethodInfo* info = findMethod(method);
  if (info == nullptr) return {QString::fromStdString(method), 0};
  return {QString::fromStdString(info->name), info->colorSlot, Palette::marker(info->colorSlot, kindWithinSlot(*info))};
}

MethodStyle runStyle(const QuantRequest& request) {
  MethodStyle style = styleOf(request.method);
  const MethodInfo* method = findMethod(request.method);
  const ParamSpec* bits = method == nullptr ? nullptr : method->parameter("bits");
  if (bits != nullptr) style.name += QLatin1Char(' ') + settingText(*bits, valueOf(request, *bits));
  return style;
}

std::pair<MethodStyle, MethodStyle> runStyles(const QuantRequest& a, const QuantRequest& b) {
  std::pair styles{runStyle(a), runStyle(b)};
  if (styles.first.name != styles.second.name) return styles;
  styles.first.name = styleOf(a.method).name + QLatin1Char(' ') + settingsText(a);
  styles.second.name = styleOf(b.method).name + QLatin1Char(' ') + settingsText(b);
  return styles;
}

QString settingsText(const QuantRequest& request) {
  const MethodInfo* method = findMethod(request.method);
  if (method == nullptr) return {};
  QStringList parts;
  for (const ParamSpec& spec : method->parameters) {
    const ParamValue& value = valueOf(request, spec);
    if (isAlwaysTold(spec.key) || value != spec.defaultValue) parts << settingText(spec, value);
  }
  if (const QString scales = scaleText(*method, request.scaleType); !scales.isEmpty()) parts << scales;
  if (!(request.layers == LayerFilter())) parts << translate("layers %1").arg(layerFilterText(request.layers));
  if (!request.overrides.empty())
    parts << number::counted(request.overrides.size(), translate("1 override"), translate("%1 overrides"));
  return parts.join(QStringLiteral(", "));
}

std::uint64_t modelBytes(const Checkpoint& model) {
  std::uint64_t bytes = 0;
  for (const CheckpointTensor& tensor : model.tensors()) bytes += tensor.info.bytes;
  return bytes;
}

ComparisonEntry unquantizedRow(const Checkpoint& model, int id) {
  double bits = 0;
  double weights = 0;
  for (const CheckpointTensor& tensor : model.tensors()) {
    if (tensorRole(tensor.info) != TensorRole::Linear) continue;
    bits += 8.0 * static_cast<double>(tensor.info.bytes);
    weights += static_cast<double>(tensor.info.elements);
  }
  ComparisonEntry row;
  row.id = id;
  row.method = translate("Unquantized");
  row.settings = translate("as stored");
  row.status = ComparisonEntry::Status::Done;
  row.sizeBytes = modelBytes(model);
  if (weights > 0) row.bitsPerWeight = bits / weights;
  row.weightError = 0;
  return row;
}

ComparisonEntry runningRow(const QuantRequest& request, int id) {
  const MethodStyle style = styleOf(request.method);
  ComparisonEntry row;
  row.id = id;
  row.method = style.name;
  row.colorSlot = style.slot;
  row.marker = style.marker;
  row.settings = settingsText(request);
  return row;
}

ComparisonEntry finishedRow(const Checkpoint& model, const QuantRequest& request, const QuantReport& report, int id) {
  ComparisonEntry row = runningRow(request, id);
  const bool isStored = !report.layers.empty() &&
                        std::ranges::all_of(report.layers, [](const LayerReportPtr& layer) { return layer->stored; });
  row.status = isStored ? ComparisonEntry::Status::Stored : ComparisonEntry::Status::Done;
  const ReportTotal& total = report.total;
  if (total.failedLayers > 0)
    row.note = translate("%1 of %2 layers failed").arg(total.failedLayers).arg(report.layers.size());
  if (const std::string early = trainingEndedEarly(report); !early.empty()) {
    row.status = ComparisonEntry::Status::Stopped;
    row.note = QString::fromStdString(early);
  }
  if (total.failedLayers == report.layers.size()) {
    row.status = ComparisonEntry::Status::Failed;
    return row;
  }
  row.sizeBytes = modelBytes(model) - total.originalBytes + total.quantizedBytes;
  row.bitsPerWeight = total.bitsPerWeight;
  row.weightError = total.meanWeightRelativeError;
  row.outputError = total.meanOutputRelativeError;
  row.seconds = total.seconds;
  return row;
}

ComparisonEntry comparedEntry(const ComparisonRow& row, int id) {
  QuantRequest request;
  request.method = row.method;
  request.settings = row.settings;
  request.scaleType = row.run ? row.run->request.scaleType : ScaleType::F16;  // what a comparison asks for
  const bool isReference = row.method == kUnquantized;
  ComparisonEntry entry = runningRow(request, id);
  if (isReference) entry.method = translate("Unquantized");
  if (isReference) entry.settings = translate("16 bits a weight");
  entry.status = statusOf(row.status);
  entry.note = QString::fromStdString(row.error);
  entry.sizeBytes = row.sizeBytes;
  entry.bitsPerWeight = row.bitsPerWeight;
  entry.weightError = row.meanWeightRelativeError;
  entry.outputError = row.meanOutputRelativeError;
  entry.perplexity = row.perplexity;
  entry.perplexityError = row.perplexityStderr;
  entry.perplexityChange = row.perplexityChange;
  entry.klDivergence = row.meanDivergence;
  entry.klMedian = row.medianDivergence;
  entry.klHighest = row.p999Divergence;
  entry.topOneAgreement = row.top1Agreement;
  entry.speedup = row.decodeSpeedup;
  entry.speedupLow = row.decodeSpeedupLow;
  entry.speedupIsLeast = row.decodeSpeedupIsLeast;
  entry.onlySimulated = row.onlySimulated;
  entry.seconds = row.seconds;
  return entry;
}

std::vector<TradeoffPoint> tradeoffPoints(const std::vector<ComparisonEntry>& rows, QString* valueTitle) {
  const bool hasPerplexity =
      std::ranges::any_of(rows, [](const ComparisonEntry& row) { return row.perplexity.has_value(); });
  *valueTitle = hasPerplexity ? translate("perplexity") : translate("mean weight error (%)");
  std::vector<TradeoffPoint> points;
  for (const ComparisonEntry& row : rows) {
    const auto loss = hasPerplexity ? row.perplexity : row.weightError;
    if (!row.sizeBytes || !(loss || isFinished(row))) continue;
    points.push_back({.id = QString::number(row.id),
                      .name = row.method,
                      .slot = row.colorSlot,
                      .sizeBytes = static_cast<double>(*row.sizeBytes),
                      .value = (hasPerplexity ? 1 : 100) * loss.value_or(std::nan("")),
                      .uncertainty = hasPerplexity ? row.perplexityError.value_or(0) : 0,
                      .settings = row.settings,
                      .marker = row.marker});
  }
  return points;
}

QByteArray toCsv(const std::vector<ComparisonEntry>& rows) {
  TextTable table{.header = {"method", "settings", "size_bytes", "bits_per_weight", "mean_weight_relative_error",
                             "mean_output_relative_error", "perplexity", "perplexity_change", "mean_kl_divergence",
                             "top1_agreement", "decode_speedup", "seconds", "status", "decode_speedup_is_least"}};
  for (const ComparisonEntry& row : rows) {
    std::vector<std::string>& cells = table.rows.emplace_back();
    for (int column = 0; column < ComparisonModel::ColumnCount; ++column) cells.push_back(csvCell(row, column));
    cells.emplace_back(row.speedupIsLeast ? "true" : "false");
  }
  return QByteArray::fromStdString(table.toCsv());
}

QByteArray toMarkdown(const std::vector<ComparisonEntry>& rows) {
  TextTable table;
  for (int column = 0; column < ComparisonModel::ColumnCount; ++column) {
    table.header.push_back(ComparisonModel::columnTitle(column).toStdString());
    table.isNumber.push_back(!isText(column));
  }
  for (const ComparisonEntry& row : rows) {
    std::vector<std::string>& cells = table.rows.emplace_back();
    for (int column = 0; column < ComparisonModel::ColumnCount; ++column)
      cells.push_back(ComparisonModel::text(row, column).toStdString());
  }
  return QByteArray::fromStdString(table.toMarkdown());
}

}  // namespace qs
