#pragma once

#include <QColor>
#include <QImage>
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
/// The same with histograms, as runs leave them.
[[nodiscard]] std::vector<LayerReportPtr> buildModelWithHistograms(int blocks);
/// The same report with another relative weight error, and the SQNR that belongs to it.
[[nodiscard]] LayerReportPtr withError(LayerReport report, double error);
[[nodiscard]] LayerReportPtr buildFailure(const std::string& name);

/// Whether a picture holds a colour, or one as near to it in each channel.
[[nodiscard]] bool occurs(const QImage& image, const QColor& color, int tolerance = 6);

}  // namespace qs::test
