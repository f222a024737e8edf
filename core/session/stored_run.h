#pragma once

#include <memory>

#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "core/session/run_store.h"

namespace qs {

/// A finished run: what was asked for, what was found out, and where the quantized layers are.
struct StoredRun {
  QuantRequest request;
  QuantReportPtr report;
  std::shared_ptr<const RunStore> store;
};
using StoredRunPtr = std::shared_ptr<const StoredRun>;

}  // namespace qs
