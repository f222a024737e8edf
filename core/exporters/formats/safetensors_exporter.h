#pragma once

#include "core/exporters/exporter.h"

namespace qs {

/// `--format safetensors`: codes, scales and zero points of each layer as plain tensors, the rest as it is.
[[nodiscard]] ExporterInfo safetensorsExporter();

}  // namespace qs
