#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/decode_benchmark.h"
#include "core/session/quant_report.h"

namespace qs {

/// The decode kernel that runs what a report's layers hold, or nothing where there is none (mixed schemes, codebooks,
/// bit widths without a kernel): such methods only simulate their format.
[[nodiscard]] std::optional<DecodeVariant> decodeVariantOf(const QuantReport& report);

/// The distinct shapes of a report's layers, with how often each occurs.
[[nodiscard]] std::vector<DecodeShape> decodeShapesOf(const QuantReport& report);

}  // namespace qs
