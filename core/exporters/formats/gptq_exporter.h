#pragma once

#include "core/exporters/exporter.h"

namespace qs {

/// `--format gptq`. The option "gptq_version" is "v1", "v2", or "auto": v1 unless a zero point
/// is 0, which only v2 holds.
[[nodiscard]] ExporterInfo gptqExporter();

}  // namespace qs
