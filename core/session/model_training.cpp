#include "core/session/model_training.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/model/architecture_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/quant/method_registry.h"
#include "core/quant/training_start.h"
#include "core/session/atomic_file.h"
#include "core/session/layer_report_builder.h"
#include "core/session/linear_weights.h"
#include "core/session/run_groups.h"
#include "core/session/run_weights.h"
#include "core/session/runnable_model.h"
#include "core/session/trained_checkpoint.h"
#include "core/session/training_file.h"
#include "core/session/training_preflight.h"
#include "core/train/block_task.h"
#include "core/train/load_training_model.h"
#include "core/train/model_task.h"
#include "core/train/teacher.h"
#include "core/train/training_loop.h"

namespace qs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargestWindow = 512;
constexpr auto kSaveEvery = std::chrono::seconds(60);
constexpr auto kTellEvery = std::chrono::milliseconds(100);
constexpr std::size_t kSizeWindows = 8;  // that the inputs' sizes are measured on
constexpr std::size_t kTeacherBytes = std::size_t{1} << 30U;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

TrainingOptions optionsOf(const Settings& settings, std::uint64_t seed) {
  const std::string& train = settings.choice("train");
  return {.steps = static_cast<int>(settings.integer("steps")),
          .batch = static_cast<std::size_t>(settings.integer("batch")),
          .weightRate = settings.real("learning_rate"),
          .stepRate = settings.real("step_learning_rate"),
          .vectorRate = settings.real("norm_learning_rate"),
          .weightDecay = settings.real("weight_decay"),
          .clip = settings.real("gradient_clip"),
          .warmUp = static_cast<int>(settings.integer("warm_up")),
          .mix = {.divergenceShare = settings.real("divergence_share")},
          .parts = {.weights = train != "steps", .steps = true, .vectors = train == "all"},
          .seed = seed};
}

/// All that is settled before the work begins.
struct Plan {
  ArchitectureSpec spec;
  std::vector<LinearSpec> linears;
  std::vector<PlannedLayer> layers;  ///< in model order
  Settings settings;
  TrainingOptions options;
  TokenWindows windows;
  TrainingSize size;
  TrainingNeeds needs;
  TrainingForm form = TrainingForm::Whole;
};

void checkLayers(const Plan& plan) {
  for (const PlannedLayer& layer : plan.layers) {
    if (!layer.plan.method->trainsModel)
      throw requestError("layer '" + layer.name + "'",
                         "method '" + layer.plan.method->id +
                             "' can't be mixed with training the whole model: skip the layer, or give it other bits");
    if (findLinear(plan.linears, layer.name) == nullptr)
      throw requestError("layer '" + layer.name + "'",
                         "is no linear of the model that can be trained: leave it out, or skip it");
  }
  if (plan.settings.flag("quantize_inputs") && plan.settings.choice("start") == "awq")
    throw requestError("quantize_inputs",
                       "can't be trained from an AWQ start, which scales inputs: start from RTN or "
                       "GPTQ");
}

TokenWindows trainingWindows(const Checkpoint& model, const ArchitectureSpec& spec, const QuantRequest& request,
                             const RunContext& context) {
  if (request.trainingText.empty())
    throw requestError("method '" + request.method + "'", "needs a text to train on (--text)");
  const TokenizerPtr tokenizer = loadTokenizer(model);
  const NamedText text = readText(request.trainingText);
  const std::size_t fits = spec.contextLength - (tokenizer->addsBos() ? 1 : 0);
  const WindowChoice choice{.window = std::min(fits, kLargestWindow), .maxWindows = std::size_t{1} << 40U};
  TokenWindows windows = textWindows(text.text, *tokenizer, spec, choice, text.name, context);
  if (windows.count() < 2)
    throw inputError(text.name, "has " + std::to_string(windows.count()) + " window of " +
                                    std::to_string(windows.windowSize) +
                                    " tokens; training needs at least 2: one to train on, one to validate with");
  return windows;
}

TrainingSize sizeOf(const Checkpoint& model, const Plan& plan) {
  TrainingSize size{.windowLength = plan.windows.length, .windows = plan.windows.count()};
  std::map<int, std::uint64_t> blocks;
  for (const PlannedLayer& layer : plan.layers) {
    size.trainedWeights += layer.tensor->info.elements;
    blocks[blockNumber(layer.name)] += layer.tensor->info.elements;
  }
  for (const auto& [block, weights] : blocks) size.largestBlock = std::max(size.largestBlock, weights);
  for (const CheckpointTensor& tensor : model.tensors()) size.allWeights += tensor.info.elements;
  size.headWeights = std::uint64_t{plan.spec.vocabSize} * plan.spec.head.in;
  return size;
}

Plan makePlan(const Checkpoint& model, const QuantRequest& request, const RunContext& context) {
  Plan plan;
  plan.settings = resolveSettings(requireMethod(request.method), request.settings);
  plan.spec = loadArchitecture(model);
  plan.linears = allLinears(plan.spec);
  for (const RunGroup& group : planGroups(model, request))
    plan.layers.insert(plan.layers.end(), group.layers.begin(), group.layers.end());
  plan.options = optionsOf(plan.settings, request.seed);
  checkLayers(plan);
  plan.windows = trainingWindows(model, plan.spec, request, context);
  plan.size = sizeOf(model, plan);
  plan.needs = needsOf(plan.spec, plan.size, plan.options, measureMultiplyAdds(context));
  plan.form = chooseForm(plan.settings.choice("training"), plan.needs, availableMemory());
  return plan;
}

QuantRequest startRequest(const QuantRequest& request, const Settings& settings) {
  QuantRequest start = request;
  start.method = settings.choice("start");
  start.settings = startSettings(settings);
  start.trainingText.clear();
  for (LayerOverride& change : start.overrides) {
    change.method.clear();
    Settings kept;
    for (const char* key : {"bits", "group_size", "symmetric"})
      if (change.settings.contains(key)) kept.set(key, change.settings.value(key));
    change.settings = kept;
  }
  return start;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

std::vector<std::string> vectorsOfModel(const ArchitectureSpec& spec) {
  std::vector<std::string> names;
  for (const BlockSpec& block : spec.blocks)
    for (std::string& name : vectorsOfBlock(block)) names.push_back(std::move(name));
  if (spec.finalNorm) names.push_back(spec.finalNorm->name + ".weight");
  if (spec.finalNorm && spec.finalNorm->kind == NormKind::Layer) names.push_back(spec.finalNorm->name + ".bias");
  return names;
}

std::vector<MethodCurve> curvesOf(const TrainingCurves& curves, const std::string& yLabel) {
  return {{.title = "Training loss", .xLabel = "Step", .yLabel = yLabel, .x = curves.step, .y = curves.loss},
          {.title = "Validation loss",
           .xLabel = "Step",
           .yLabel = yLabel,
           .x = curves.validationStep,
           .y = curves.validationLoss}};
}

class ModelTraining {
 public:
  ModelTraining(const Checkpoint& model, Plan plan, RunStore& store, RunStore& start, const RunContext& context,
                const RunObservers& observers)
      : m_model(model),
        m_plan(std::move(plan)),
        m_store(store),
        m_start(start),
        m_context(context),
        m_observers(observers),
        m_weights(m_plan.spec, model) {}

  std::vector<LayerReportPtr> all() {
    if (m_plan.form == TrainingForm::Whole)
      trainWhole();
    else
      trainBlocks();
    std::error_code ignored;
    std::filesystem::remove(m_store.trainingFile(), ignored);
    std::filesystem::remove_all(m_store.startFolder(), ignored);
    return m_reports;
  }

 private:
  [[nodiscard]] std::map<std::string, QuantizedTensor> startOf(const std::vector<const PlannedLayer*>& layers) const {
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

  void markQuantizedInputs(TrainingModel<float>& model, const std::vector<const PlannedLayer*>& layers) const {
    if (!m_plan.settings.flag("quantize_inputs")) return;
    for (const PlannedLayer* layer : layers) model.quantizedInputs.insert(layer->name);
  }

  void beginProgress(double units, double done) const {
    if (m_context.progress != nullptr) m_context.progress->beginStage("Training", "steps", units, done);
  }

  void trainWhole() {
    std::vector<const PlannedLayer*> layers;
    for (const PlannedLayer& layer : m_plan.layers) layers.push_back(&layer);
    TrainingModel<float> model = loadTrainingModel<float>(m_plan.spec, m_weights, {}, m_context);
    markQuantizedInputs(model, layers);
    const CachedWeights cached(m_weights, kTeacherBytes);
    Teacher teacher(m_plan.spec, cached, m_plan.windows, kTeacherBytes, m_context);
    ParameterSet parameters(model, startOf(layers), vectorsOfModel(m_plan.spec), m_plan.options, m_context);
    const TokenWindows sample = m_plan.windows.slice(0, std::min(kSizeWindows, m_plan.windows.count()));
    parameters.setInputSizes(inputSizes(model, sample.inputs, sample.length, m_context));
    ModelTask task(model, m_plan.windows, teacher, m_plan.options.mix, m_plan.options.keepBytes);
    TrainingLoop loop(task, parameters, m_plan.options);
    if (std::optional<StoredTraining> stored = storedTraining(0)) loop.resume(std::move(stored->state));
    beginProgress(m_plan.options.steps, loop.result().step);
    runLoop(loop, 0);
    keepVectors(loop.result().best.vectors);
    for (const PlannedLayer* layer : layers) finish(*layer, loop.result(), m_plan.layers.size());
  }

  [[nodiscard]] std::optional<StoredTraining> storedTraining(std::size_t block) const {
    std::error_code ignored;
    if (!std::filesystem::exists(m_store.trainingFile(), ignored)) return std::nullopt;
    std::optional<StoredTraining> stored = decodeTraining(readWholeFile(m_store.trainingFile()));
    if (stored && stored->block != block) return std::nullopt;
    return stored;
  }

  void runLoop(TrainingLoop& loop, std::size_t block) {
    const Clock::time_point begun = Clock::now();
    Clock::time_point saved = begun;
    const std::string title =
        m_plan.form == TrainingForm::Whole ? m_plan.spec.modelName : m_plan.spec.blocks.at(block).name;
    Clock::time_point told{};
    const auto observer = [&](const TrainingState& state) {
      if (Clock::now() - saved > kSaveEvery) {
        writeFileAtomically(m_store.trainingFile(), encodeTraining(loop.state(), block));
        saved = Clock::now();
      }
      if (!m_observers.curves || Clock::now() - told < kTellEvery) return;
      m_observers.curves(title, curvesOf(state.curves, yLabel()));
      told = Clock::now();
    };
    try {
      loop.run(observer, m_context);
    } catch (const Cancelled&) {
      writeFileAtomically(m_store.trainingFile(), encodeTraining(loop.state(), block));
      throw;
    }
    m_trainedSeconds = secondsSince(begun);
    if (m_observers.curves) m_observers.curves(title, curvesOf(loop.result().curves, yLabel()));
  }

  [[nodiscard]] std::string yLabel() const {
    if (m_plan.form == TrainingForm::Blocks) return "Relative error of the block";
    return m_plan.options.mix.divergenceShare >= 1.0 ? "KL divergence (nats)" : "Loss (nats)";
  }

  void keepVectors(const std::map<std::string, std::vector<float>>& vectors) {
    std::map<std::string, std::vector<float>> kept = m_store.loadVectors().value_or(decltype(kept){});
    for (const auto& [name, values] : vectors) {
      std::vector<float> rounded = values;
      roundToStored(m_model.require(name), rounded);
      kept.insert_or_assign(name, std::move(rounded));
    }
    m_store.saveVectors(kept);
  }

  void trainBlocks() {
    const TransformerRunner original(m_plan.spec, m_weights);
    RunContext quiet = m_context;
    quiet.progress = nullptr;
    Matrix targets = original.embed(m_plan.windows.inputs, m_plan.windows.length, 0, quiet);
    Matrix inputs = targets;
    beginProgress(static_cast<double>(m_plan.options.steps) * static_cast<double>(m_plan.spec.blocks.size()), 0);
    for (std::size_t block = 0; block < m_plan.spec.blocks.size(); ++block) {
      original.runBlock(block, targets.span(), m_plan.windows.length, quiet);
      if (m_context.progress != nullptr) m_context.progress->setItem(m_plan.spec.blocks[block].name);
      trainBlock(block, inputs, targets.view());
    }
    for (const PlannedLayer& layer : m_plan.layers) {
      if (isDelivered(layer.name)) continue;  // outside the blocks: it keeps its start
      TrainingState untrained;
      untrained.best.layers = startOf({&layer});
      finish(layer, untrained, 0);
    }
  }

  [[nodiscard]] bool isDelivered(const std::string& layer) const {
    return std::any_of(m_reports.begin(), m_reports.end(),
                       [&layer](const LayerReportPtr& report) { return report->name == layer; });
  }

  [[nodiscard]] std::vector<const PlannedLayer*> layersOf(const BlockSpec& block) const {
    std::vector<const PlannedLayer*> layers;
    const auto isIn = [&](const PlannedLayer& layer) {
      return findLinear(block.attention.inputs, layer.name) != nullptr || block.attention.output.name == layer.name ||
             findLinear(block.mlp.inputs, layer.name) != nullptr || block.mlp.down.name == layer.name;
    };
    for (const PlannedLayer& layer : m_plan.layers)
      if (isIn(layer)) layers.push_back(&layer);
    return layers;
  }

  /// Trains one block, or takes it from the store, and passes the inputs through it.
  void trainBlock(std::size_t block, Matrix& inputs, MatrixView targets) {
    const std::vector<const PlannedLayer*> layers = layersOf(m_plan.spec.blocks[block]);
    const bool isStored = std::all_of(layers.begin(), layers.end(), [this](const PlannedLayer* layer) {
      return m_store.loadReport(layer->name).has_value();
    });
    if (layers.empty() || isStored) {
      for (const PlannedLayer* layer : layers) deliver(*m_store.loadReport(layer->name));
      m_context.advance(m_plan.options.steps);
    } else {
      TrainingModel<float> model = loadTrainingModel<float>(
          m_plan.spec, m_weights, {.embedding = false, .head = false, .block = block}, m_context);
      markQuantizedInputs(model, layers);
      ParameterSet parameters(model, startOf(layers), vectorsOfBlock(m_plan.spec.blocks[block]), m_plan.options,
                              m_context);
      parameters.setInputSizes(blockSizes(model, block, inputs.view()));
      BlockTask task(model, block, inputs.view(), targets, m_plan.windows.length);
      TrainingLoop loop(task, parameters, m_plan.options);
      if (std::optional<StoredTraining> stored = storedTraining(block)) loop.resume(std::move(stored->state));
      m_context.advance(loop.result().step);
      runLoop(loop, block);
      keepVectors(loop.result().best.vectors);
      for (const PlannedLayer* layer : layers) finish(*layer, loop.result(), layers.size());
    }
    passThrough(block, layers.size(), inputs);
  }

  [[nodiscard]] InputSizes blockSizes(const TrainingModel<float>& model, std::size_t block, MatrixView inputs) const {
    const std::size_t windows = std::min(kSizeWindows, m_plan.windows.count());
    const auto sample = inputs.middleRows(0, windows * m_plan.windows.length).values();
    RealMatrix<float> states(windows * m_plan.windows.length, inputs.cols);
    std::copy(sample.begin(), sample.end(), states.values().begin());
    InputSizes sizes;
    addInputSizes(model, block, states, m_plan.windows.length, sizes, m_context);
    return sizes;
  }

  /// `layers`: how many of the last reports are the block's.
  void passThrough(std::size_t block, std::size_t layers, Matrix& inputs) {
    RunContext quiet = m_context;
    quiet.progress = nullptr;
    QuantReport passed;
    passed.layers.assign(m_reports.end() - static_cast<std::ptrdiff_t>(layers), m_reports.end());
    const RunWeights weights(m_plan.spec, m_model, passed, m_store);
    TransformerRunner(m_plan.spec, weights).runBlock(block, inputs.span(), m_plan.windows.length, quiet);
  }

  [[nodiscard]] std::vector<std::string> notesOf(const TrainingState& state) const {
    std::vector<std::string> notes;
    const TrainingCurves& curves = state.curves;
    if (curves.validationLoss.empty()) return notes;
    notes.push_back("trained " + std::to_string(state.step) + " steps of " + std::to_string(m_plan.options.batch) +
                    " windows of " + std::to_string(m_plan.windows.windowSize) + " tokens; best at step " +
                    std::to_string(state.bestStep) + ": validation loss " + number(state.bestLoss) + ", " +
                    number(curves.validationLoss.front()) + " at the start");
    if (state.end == TrainingEnd::NotFinite)
      notes.push_back("the training stopped at step " + std::to_string(state.step) +
                      ": its loss was no longer a number; the best step before is kept");
    if (state.end == TrainingEnd::Diverged)
      notes.push_back("the training stopped at step " + std::to_string(state.step) +
                      ": its loss ran away; the best step before is kept");
    notes.push_back(describe(m_plan.needs, m_plan.form));
    return notes;
  }

  void finish(const PlannedLayer& layer, const TrainingState& state, std::size_t sharers) {
    const Clock::time_point begun = Clock::now();
    LayerOutcome outcome;
    outcome.tensor = state.best.layers.at(layer.name);
    if (m_plan.settings.flag("quantize_inputs")) outcome.tensor->activations = ActivationScheme{};
    outcome.notes = notesOf(state);
    if (sharers > 0) {
      outcome.curves = curvesOf(state.curves, yLabel());
      outcome.figures = {{"start_validation_loss", state.curves.validationLoss.front()},
                         {"best_validation_loss", state.bestLoss},
                         {"best_step", state.bestStep}};
    }
    const Matrix weights = loadLinear(m_model, *layer.tensor, m_context);
    LayerReport report = reportHead(layer);
    const WeightDescription description = describeWeights(weights.view(), m_context);
    addDescription(description, report);
    measureOutcome(weights.view(), description, outcome, nullptr, report, m_context);
    report.seconds = secondsSince(begun);
    if (sharers > 0) report.seconds += m_trainedSeconds / static_cast<double>(sharers);
    m_store.save(report, *outcome.tensor);
    deliver(std::move(report));
  }

  void deliver(LayerReport report) {
    m_reports.push_back(std::make_shared<const LayerReport>(std::move(report)));
    if (m_observers.layers) m_observers.layers(m_reports.back());
  }

  const Checkpoint& m_model;
  Plan m_plan;
  RunStore& m_store;
  RunStore& m_start;
  const RunContext& m_context;
  const RunObservers& m_observers;
  CheckpointWeights m_weights;
  double m_trainedSeconds = 0;  ///< of the last training, shared by its layers
  std::vector<LayerReportPtr> m_reports;
};

/// Everything from the store, or nothing where a layer is missing.
std::vector<LayerReportPtr> storedReports(const Plan& plan, const RunStore& store) {
  std::vector<LayerReportPtr> reports;
  for (const PlannedLayer& layer : plan.layers) {
    std::optional<LayerReport> report = store.loadReport(layer.name);
    if (!report || report->shape != layer.shape) return {};
    reports.push_back(std::make_shared<const LayerReport>(std::move(*report)));
  }
  return reports;
}

}  // namespace

bool trainsModel(const QuantRequest& request) { return requireMethod(request.method).trainsModel; }

std::string trainingPreflight(const Checkpoint& model, const QuantRequest& request, const RunContext& context) {
  std::string text;
  inWorkerArena(context, [&] {
    const Plan plan = makePlan(model, request, context);
    text = describe(plan.needs, plan.form);
  });
  return text;
}

std::vector<LayerReportPtr> trainLayers(const Checkpoint& model, const QuantRequest& request, RunStore& store,
                                        const RunContext& context, const RunObservers& observers) {
  Plan plan;
  std::vector<LayerReportPtr> reports;
  inWorkerArena(context, [&] { plan = makePlan(model, request, context); });
  // Norms that were trained and got lost would leave the layers without what they were trained with.
  if (store.loadVectors()) reports = storedReports(plan, store);
  if (!reports.empty()) {
    for (const LayerReportPtr& report : reports)
      if (observers.layers) observers.layers(report);
    return reports;
  }
  const QuantRequest startOf = startRequest(request, plan.settings);
  RunStore start(store.startFolder(), model, startOf);
  const QuantReport started = runQuantization(model, startOf, start, context);
  for (const LayerReportPtr& layer : started.layers)
    if (!layer->error.empty()) throw Error(layer->errorKind, "layer '" + layer->name + "'", layer->error);
  inWorkerArena(context,
                [&] { reports = ModelTraining(model, std::move(plan), store, start, context, observers).all(); });
  return reports;
}

}  // namespace qs
