#include "core/session/training_results.h"

#include <algorithm>
#include <chrono>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/session/layer_report_builder.h"
#include "core/session/linear_weights.h"
#include "core/session/trained_checkpoint.h"

namespace qs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kStepsTaken = "steps_taken";

std::string number(double value) { return roundedText(value, 4); }

std::string lossName(const TrainingPlan& plan) {
  if (plan.form == TrainingForm::Blocks) return "Relative error of the block";
  return plan.options.mix.divergenceShare >= 1.0 ? "KL divergence (nats)" : "Loss (nats)";
}

// Empty where the training came to its last step.
std::string earlyEnd(const TrainingState& state, int steps) {
  if (state.step >= steps) return {};
  const std::string where = "at step " + std::to_string(state.step) + " of " + std::to_string(steps);
  const std::string kept = "; the best step so far, " + std::to_string(state.bestStep) + ", is kept";
  switch (state.end) {
    case TrainingEnd::Finished:
      return "the training was stopped " + where + kept;
    case TrainingEnd::NotFinite:
      return "the training ended " + where + ": its loss was no longer a number" + kept;
    case TrainingEnd::Diverged:
      return "the training ended " + where + ": its loss ran away" + kept;
  }
  return {};
}

}  // namespace

TrainingResults::TrainingResults(const Checkpoint& model, const QuantRequest& request, const TrainingPlan& plan,
                                 RunStore& store, const RunStore& start, const RunContext& context,
                                 const RunObservers& observers)
    : m_model(model),
      m_request(request),
      m_plan(plan),
      m_store(store),
      m_start(start),
      m_context(context),
      m_observers(observers),
      // Sequential inputs come in turns that aren't the layers' order: without them the output error isn't measured.
      m_provider(request.calibration.sequential ? nullptr : makeActivationProvider(model, request)) {}

std::map<std::string, QuantizedTensor> TrainingResults::startOf(const std::vector<const PlannedLayer*>& layers) const {
  std::map<std::string, QuantizedTensor> tensors;
  for (const PlannedLayer* layer : layers) {
    std::optional<QuantizedTensor> tensor = m_start.loadTensor(layer->name);
    if (!tensor) throw failedError("layer '" + layer->name + "'", "the training's start is missing or damaged");
    if (!tensor->groupIndex.empty())
      throw failedError("layer '" + layer->name + "'", "a start with reordered groups can't be trained");
    tensors.emplace(layer->name, std::move(*tensor));
  }
  return tensors;
}

void TrainingResults::keepVectors(const std::map<std::string, std::vector<float>>& vectors) {
  std::map<std::string, std::vector<float>> kept = m_store.loadVectors().value_or(decltype(kept){});
  for (const auto& [name, values] : vectors) {
    std::vector<float> rounded = values;
    roundToStored(m_model.require(name), rounded);
    kept.insert_or_assign(name, std::move(rounded));
  }
  m_store.saveVectors(kept);
}

void TrainingResults::deliverTrained(const PlannedLayer& layer, const TrainingState& state, std::size_t sharers) {
  LayerOutcome outcome;
  outcome.tensor = state.best.layers.at(layer.name);
  outcome.notes = notesOf(state);
  outcome.curves = trainingCurves(m_plan, state.curves);
  outcome.figures = {{"start_validation_loss", state.curves.validationLoss.front()},
                     {"best_validation_loss", state.bestLoss},
                     {"best_step", state.bestStep},
                     {kStepsTaken, state.step}};
  measure(layer, std::move(outcome), state.seconds / static_cast<double>(sharers));
}

void TrainingResults::deliverUntrained(const PlannedLayer& layer, bool stopped) {
  LayerOutcome outcome;
  outcome.tensor = startOf({&layer}).at(layer.name);
  if (stopped) {
    outcome.notes.emplace_back("the training was stopped before the turn of this layer, which keeps its start");
    outcome.figures = {{kStepsTaken, 0}};
  }
  measure(layer, std::move(outcome), 0);
}

bool TrainingResults::deliverStored(const PlannedLayer& layer, const RunStore& from) {
  std::optional<LayerReport> report = from.loadReport(layer.name);
  const std::optional<QuantizedTensor> tensor = report ? from.loadTensor(layer.name) : std::nullopt;
  if (!tensor || report->shape != layer.shape) return false;
  deliver(std::move(*report), *tensor);
  return true;
}

bool TrainingResults::isDelivered(const PlannedLayer& layer) const {
  return std::any_of(m_reports.begin(), m_reports.end(),
                     [&layer](const LayerReportPtr& report) { return report->name == layer.name; });
}

void TrainingResults::measure(const PlannedLayer& layer, LayerOutcome outcome, double seconds) {
  const Clock::time_point begun = Clock::now();
  if (m_plan.settings.flag("quantize_inputs")) outcome.tensor->activations = ActivationScheme{};
  const Matrix weights = loadLinear(m_model, *layer.tensor, m_context);
  LayerReport report = reportHead(layer);
  const WeightDescription description = describeWeights(weights.view(), m_context);
  addDescription(description, report);
  measureOutcome(weights.view(), description, outcome, inputsOf(layer).get(), report, m_context);
  report.seconds = seconds + std::chrono::duration<double>(Clock::now() - begun).count();
  deliver(std::move(report), *outcome.tensor);
}

// Asked for in model order, group by group.
std::shared_ptr<const ActivationStats> TrainingResults::inputsOf(const PlannedLayer& layer) {
  if (!m_provider) return nullptr;
  for (const RunGroup& group : m_plan.groups) {
    const auto isIt = [&layer](const PlannedLayer& other) { return other.name == layer.name; };
    if (&group == m_inputsGroup || std::none_of(group.layers.begin(), group.layers.end(), isIt)) continue;
    std::vector<std::string> names;
    for (const PlannedLayer& member : group.layers) names.push_back(member.name);
    m_inputs = m_provider->statsFor(names, group.inputs(), m_context);
    m_inputsGroup = &group;
  }
  return m_inputs;
}

std::vector<std::string> TrainingResults::notesOf(const TrainingState& state) const {
  std::vector<std::string> notes;
  if (const std::string early = earlyEnd(state, m_plan.options.steps); !early.empty()) notes.push_back(early);
  notes.push_back("trained " + std::to_string(state.step) + " steps of " + std::to_string(m_plan.options.batch) +
                  " windows of " + std::to_string(m_plan.windows.windowSize) + " tokens; best at step " +
                  std::to_string(state.bestStep) + ": validation loss " + number(state.bestLoss) + ", " +
                  number(state.curves.validationLoss.front()) + " at the start");
  notes.push_back(describe(m_plan.needs, m_plan.form));
  return notes;
}

void TrainingResults::deliver(LayerReport report, const QuantizedTensor& tensor) {
  m_store.save(report, tensor);
  m_reports.push_back(std::make_shared<const LayerReport>(std::move(report)));
  if (m_observers.layers) m_observers.layers(m_reports.back());
}

std::vector<MethodCurve> trainingCurves(const TrainingPlan& plan, const TrainingCurves& curves) {
  const std::string loss = lossName(plan);
  return {{.title = "Training loss", .xLabel = "Step", .yLabel = loss, .x = curves.step, .y = curves.loss},
          {.title = "Validation loss",
           .xLabel = "Step",
           .yLabel = loss,
           .x = curves.validationStep,
           .y = curves.validationLoss}};
}

std::string trainingEndedEarly(const QuantReport& report) {
  if (!report.settings.contains("steps")) return {};
  const auto steps = static_cast<double>(report.settings.integer("steps"));
  for (const LayerReportPtr& layer : report.layers)
    if (const auto taken = layer->figures.find(kStepsTaken); taken != layer->figures.end() && taken->second < steps)
      return layer->notes.front();
  return {};
}

}  // namespace qs
