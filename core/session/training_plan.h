#pragma once

#include <vector>

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/model/architecture_spec.h"
#include "core/model/runner/token_windows.h"
#include "core/session/quant_request.h"
#include "core/session/run_groups.h"
#include "core/session/training_preflight.h"
#include "core/train/training_options.h"

namespace qs {

/// All about a training of a model that is settled before the work begins.
struct TrainingPlan {
  ArchitectureSpec spec;
  std::vector<RunGroup> groups;  ///< the layers to quantize
  Settings settings;             ///< complete
  TrainingOptions options;
  TokenWindows windows;  ///< of the training text
  TrainingNeeds needs;
  TrainingForm form = TrainingForm::Whole;

  [[nodiscard]] std::vector<const PlannedLayer*> layers() const;  ///< in model order
  [[nodiscard]] std::vector<const PlannedLayer*> layersOf(const BlockSpec& block) const;
};

/// Throws Error for all that can be known before the work begins (trainingPreflight()).
[[nodiscard]] TrainingPlan makeTrainingPlan(const Checkpoint& model, const QuantRequest& request,
                                            const RunContext& context);

/// The request of the run whose layers the training starts from. `settings` are the training's, complete.
[[nodiscard]] QuantRequest trainingStartRequest(const QuantRequest& request, const Settings& settings);

/// Names of the norms and biases of a model that can be trained.
[[nodiscard]] std::vector<std::string> trainableVectors(const ArchitectureSpec& spec);

}  // namespace qs
