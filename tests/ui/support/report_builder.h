#pragma once

#include <QStringList>
#include <vector>

#include "core/session/preview.h"
#include "core/session/quant_report.h"

namespace qs::test {

struct BuiltReport {
  std::string name = "model.layers.2.mlp.down_proj";
  std::size_t rows = 96;
  std::size_t cols = 320;
  double step = 0.02;  ///< of the rounding that stands for quantization
  float outlier = 0;   ///< planted at (row, col) when not 0
  std::size_t outlierRow = 40;
  std::size_t outlierCol = 17;
};

/// A layer of normal weights (fixed seed), rounded to multiples of `step`, with everything a report and a preview hold.
[[nodiscard]] LayerPreviewPtr buildPreview(const BuiltReport& what = {});
[[nodiscard]] LayerReportPtr buildReport(const BuiltReport& what = {});
/// Reports of `blocks` blocks of 7 linears; errors rise with the block, and one layer stands out.
[[nodiscard]] std::vector<LayerReportPtr> buildModel(int blocks);
/// The same report with another relative weight error, and the SQNR that belongs to it.
[[nodiscard]] LayerReportPtr withError(LayerReport report, double error);
[[nodiscard]] LayerReportPtr buildFailure(const std::string& name);

}  // namespace qs::test
