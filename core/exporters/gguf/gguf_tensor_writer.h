#pragma once

#include <optional>

#include "core/exporters/export_units.h"
#include "core/exporters/gguf/gguf_blocks.h"
#include "core/exporters/gguf/gguf_plan.h"

namespace qs {

/// Writes the tensors of a GGUF file, one after the other with all threads on each, and tells the check what the reader
/// has to find. Memory is bounded by one layer.
class GgufTensorWriter {
 public:
  GgufTensorWriter(const PromisedModel& model, TensorSink sink, RoundTripCheck& check, const RunContext& context);

  /// Writes one tensor. Gives the report of a layer whose figures the type changes, measured on what was written; null
  /// for the others.
  LayerReportPtr write(const GgufUnit& unit);

 private:
  void writeCopy(const GgufUnit& unit);
  void writeMatrix(const GgufUnit& unit, const GgufMatrix& matrix);
  [[nodiscard]] GgufMatrix encode(const GgufUnit& unit, LayerReportPtr& report) const;
  [[nodiscard]] std::vector<float> importanceOf(const std::string& layer) const;
  [[nodiscard]] const LayerReport& reportOf(const GgufUnit& unit) const;
  [[nodiscard]] LayerReportPtr sized(const GgufUnit& unit, const GgufMatrix& matrix) const;
  [[nodiscard]] LayerReportPtr measured(const GgufUnit& unit, const Matrix& weights, const GgufMatrix& matrix,
                                        const std::string& note) const;
  [[nodiscard]] std::size_t headsOf(GgufTransform transform) const;

  const PromisedModel& m_model;
  TensorSink m_sink;
  RoundTripCheck& m_check;
  const RunContext& m_context;
  std::size_t m_heads = 0;
  std::size_t m_kvHeads = 0;
};

}  // namespace qs
