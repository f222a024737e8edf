#pragma once

#include <filesystem>

#include "core/base/run_context.h"
#include "core/session/runnable_model.h"

namespace qs {

/// Runs the model over windows of text and writes each block's linears' inputs as `<layer>.input` F32 [tokens, in], and
/// beside them `<layer>.abs_max` [in]: streaming, aside and renamed. Throws Error, Cancelled.
void writeActivations(const RunnableModel& model, const TokenWindows& windows, const std::filesystem::path& out,
                      bool replace, const RunContext& context);

}  // namespace qs
