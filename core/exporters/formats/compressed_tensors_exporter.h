#pragma once

#include "core/exporters/exporter.h"

namespace qs {

/// `--format compressed-tensors`: pack-quantized weights, int-quantized for W8A8 methods,
/// float-quantized for FP8.
[[nodiscard]] ExporterInfo compressedTensorsExporter();

}  // namespace qs
