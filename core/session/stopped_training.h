#pragma once

#include <memory>
#include <optional>

#include "core/session/run_quantization.h"

namespace qs {

/// What a training that was stopped has reached: a finished run with a store of its own.
struct StoppedTraining {
  std::shared_ptr<const QuantReport> report;
  std::shared_ptr<const RunStore> store;
};

/// Makes a finished run of the best step that the unfinished training of `store` has come to, without training on;
/// trained block by block, later blocks keep their start. The training stays as it is: the same request still resumes
/// it to the same bits. Nothing where no training is unfinished there, or none had begun. Throws as runQuantization().
[[nodiscard]] std::optional<StoppedTraining> convertStopped(const Checkpoint& model, const QuantRequest& request,
                                                            const RunStore& store, const RunContext& context,
                                                            const RunObservers& observers = {});

}  // namespace qs
