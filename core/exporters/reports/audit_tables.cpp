#include "core/exporters/reports/audit_tables.h"

#include <cmath>

#include "core/session/settings_json.h"

namespace qs {

namespace {

using nlohmann::ordered_json;

ordered_json faultJson(const AuditFault& fault) {
  return {{"kind", faultId(fault.kind)}, {"title", faultTitle(fault.kind)}, {"message", fault.message}};
}

ordered_json tensorJson(const TensorAudit& tensor) {
  ordered_json faults = ordered_json::array();
  for (const AuditFault& fault : tensor.faults) faults.push_back(faultJson(fault));
  const bool isCompared = tensor.figures.has_value();
  const auto number = [&](double AuditFigures::*figure) {
    return isCompared ? ordered_json(finiteOrNull((*tensor.figures).*figure)) : ordered_json(nullptr);
  };
  return {{"name", tensor.name},
          {"shape", tensor.shape},
          {"original_type", tensor.originalType},
          {"quantized_type", tensor.quantizedType},
          {"bits_per_weight", tensor.bitsPerWeight},
          {"exact", isCompared && std::isinf(tensor.figures->sqnrDb)},
          {"sqnr_db", number(&AuditFigures::sqnrDb)},
          {"cosine", number(&AuditFigures::cosine)},
          {"max_abs_error", number(&AuditFigures::maxAbsError)},
          {"note", tensor.note},
          {"faults", std::move(faults)}};
}

std::string shapeText(const Shape& shape) {
  std::string text;
  for (const std::uint64_t dimension : shape) text += (text.empty() ? "" : "x") + std::to_string(dimension);
  return text.empty() ? "scalar" : text;
}

std::string faultTitles(const TensorAudit& tensor) {
  std::string text;
  for (const AuditFault& fault : tensor.faults)
    text += (text.empty() ? "" : "; ") + std::string(faultTitle(fault.kind));
  return text;
}

std::string faultTexts(const TensorAudit& tensor) {
  std::string text;
  for (const AuditFault& fault : tensor.faults)
    text += (text.empty() ? "" : "; ") + std::string(faultTitle(fault.kind)) + ": " + fault.message;
  return text;
}

}  // namespace

ordered_json auditReportJson(const AuditReport& report) {
  ordered_json tensors = ordered_json::array();
  for (const TensorAudit& tensor : report.tensors) tensors.push_back(tensorJson(tensor));
  return {{"original", report.original},
          {"quantized", report.quantized},
          {"format", report.format},
          {"tensors", std::move(tensors)},
          {"total",
           {{"tensors", report.tensors.size()},
            {"parameters", report.parameters},
            {"original_bytes", report.originalBytes},
            {"quantized_bytes", report.quantizedBytes},
            {"bits_per_weight", report.bitsPerWeight()},
            {"faults", report.faultCount()}}},
          {"warnings", report.warnings}};
}

TextTable auditTable(const AuditReport& report) {
  TextTable table{.header = {"tensor", "shape", "original", "quantized", "bits_per_weight", "sqnr_db", "cosine",
                             "max_abs_error", "faults", "note"}};
  for (const TensorAudit& tensor : report.tensors) {
    const AuditFigures figures = tensor.figures.value_or(AuditFigures{});
    const auto number = [&](double value) { return tensor.figures ? exactText(value) : std::string(); };
    table.rows.push_back({tensor.name, shapeText(tensor.shape), tensor.originalType, tensor.quantizedType,
                          exactText(tensor.bitsPerWeight), std::isinf(figures.sqnrDb) ? "inf" : number(figures.sqnrDb),
                          number(figures.cosine), number(figures.maxAbsError), faultTexts(tensor), tensor.note});
  }
  return table;
}

TextTable auditSummary(const AuditReport& report) {
  TextTable table{.header = {"tensor", "shape", "stored as", "bits/w", "SQNR dB", "cosine", "max error", "faults"}};
  for (const TensorAudit& tensor : report.tensors) {
    const AuditFigures figures = tensor.figures.value_or(AuditFigures{});
    const auto number = [&](double value, int digits) {
      return tensor.figures ? roundedText(value, digits) : std::string("-");
    };
    table.rows.push_back(
        {tensor.name, shapeText(tensor.shape), tensor.quantizedType.empty() ? "-" : tensor.quantizedType,
         tensor.quantizedType.empty() ? "-" : roundedText(tensor.bitsPerWeight, 4), number(figures.sqnrDb, 4),
         number(figures.cosine, 5), number(figures.maxAbsError, 3), faultTitles(tensor)});
  }
  return table;
}

std::vector<std::string> auditFaultLines(const AuditReport& report) {
  std::vector<std::string> lines;
  for (const TensorAudit& tensor : report.tensors)
    for (const AuditFault& fault : tensor.faults)
      lines.push_back(tensor.name + ": " + std::string(faultTitle(fault.kind)) + ": " + fault.message);
  return lines;
}

}  // namespace qs
