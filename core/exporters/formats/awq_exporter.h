#pragma once

#include "core/exporters/exporter.h"

namespace qs {

/// `--format awq`: AWQ GEMM, whatever method made the codes.
[[nodiscard]] ExporterInfo awqExporter();

}  // namespace qs
