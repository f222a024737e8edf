#pragma once

#include <QString>

#include "core/session/quant_report.h"
#include "ui/support/palette.h"

namespace qs {

/// "model.layers.12.mlp.down_proj · GPTQ, 4-bit asymmetric, groups of 128"; the name alone before quantization.
[[nodiscard]] QString layerHeading(const LayerReport& report, const MethodStyle& style);

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
