#pragma once

#include "core/exporters/exporter.h"

namespace qs {

/// `--format dequantized`: the effective weights under the original names, F32 unless the option "dtype" says "f16" or
/// "bf16"; input scales and group indices beside them; the rest as it is.
[[nodiscard]] ExporterInfo dequantizedExporter();

}  // namespace qs
