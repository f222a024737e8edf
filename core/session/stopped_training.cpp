#include "core/session/stopped_training.h"

#include "core/base/parallel.h"
#include "core/session/training_file.h"
#include "core/session/training_plan.h"
#include "core/session/training_results.h"

namespace qs {

namespace {

void convert(const TrainingPlan& plan, const RunStore& training, const TrainingState& state, RunStore& to,
             TrainingResults& results, const RunContext& context) {
  const std::vector<const PlannedLayer*> layers = plan.layers();
  if (context.progress != nullptr)
    context.progress->beginStage("Converting", "layers", static_cast<double>(layers.size()));
  if (const auto vectors = training.loadVectors()) to.saveVectors(*vectors);
  results.keepVectors(state.best.vectors);
  for (const PlannedLayer* layer : layers) {
    if (results.deliverStored(*layer, training)) {
    } else if (state.best.layers.contains(layer->name)) {
      results.deliverTrained(*layer, state, state.best.layers.size());
    } else {
      results.deliverUntrained(*layer, true);
    }
    context.advance(1);
  }
}

}  // namespace

std::optional<StoppedTraining> convertStopped(const Checkpoint& model, const QuantRequest& request,
                                              const RunStore& store, const RunContext& context,
                                              const RunObservers& observers) {
  const std::optional<StoredTraining> stored = loadTraining(store.trainingFile());
  if (!stored || stored->state.best.layers.empty()) return std::nullopt;
  auto report = std::make_shared<QuantReport>();
  std::shared_ptr<RunStore> own;
  inWorkerArena(context, [&] {
    const TrainingPlan plan = makeTrainingPlan(model, request, context);
    own = std::make_shared<RunStore>(store.stoppedFolder(stored->block, stored->state.step), model, request);
    const RunStore start(store.startFolder(), model, trainingStartRequest(request, plan.settings));
    TrainingResults results(model, request, plan, *own, start, context, observers);
    convert(plan, store, stored->state, *own, results, context);
    *report = {.model = model.path().string(),
               .method = request.method,
               .settings = plan.settings,
               .layers = results.reports(),
               .total = totalOf(results.reports())};
  });
  return StoppedTraining{std::move(report), std::move(own)};
}

}  // namespace qs
