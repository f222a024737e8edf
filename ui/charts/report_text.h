#pragma once

#include <QFont>
#include <QString>
#include <vector>

#include "core/session/quant_report.h"
#include "ui/charts/plot_entry.h"
#include "ui/support/palette.h"

namespace qs {

/// "model.layers.12.mlp.down_proj · GPTQ, 4-bit asymmetric, groups of 128"; the name alone before quantization.
[[nodiscard]] QString layerHeading(const LayerReport& report, const MethodStyle& style);

/// What a tooltip tells of a run's layer: its figures, or why there are none. Null where it isn't finished.
[[nodiscard]] std::vector<PlotEntry> layerEntries(const LayerReportPtr& report, const QFont& font);

/// Where a layer's name puts it: its block's number (−1 outside the blocks) and the kind of its linear, 0…6 for
/// q, k, v, o, gate, up, down (also under the names of other families), 7 for others.
struct LayerPlace {
  int block = -1;
  int kind = 7;
};
[[nodiscard]] LayerPlace placeOf(const QString& layer);
/// "q", "k", …, "other".
[[nodiscard]] QString kindName(int kind);

}  // namespace qs
