#pragma once

#include "core/quant/param_spec.h"

namespace qs {

/// Whether the value is of the spec's kind, in its range and among its choices: what resolveSettings takes.
[[nodiscard]] bool acceptsValue(const ParamSpec& spec, const ParamValue& value);

}  // namespace qs
