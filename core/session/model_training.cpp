#include "core/session/model_training.h"

#include <algorithm>
#include <chrono>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/method_registry.h"
#include "core/session/atomic_file.h"
#include "core/session/run_weights.h"
#include "core/session/training_file.h"
#include "core/session/training_plan.h"
#include "core/session/training_results.h"
#include "core/train/block_task.h"
#include "core/train/load_training_model.h"
#include "core/train/model_task.h"
#include "core/train/teacher.h"
#include "core/train/training_loop.h"

namespace qs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kSaveEvery = std::chrono::seconds(60);
constexpr auto kTellEvery = std::chrono::milliseconds(100);
constexpr std::size_t kSizeWindows = 8;  // that the inputs' sizes are measured on
constexpr std::size_t kTeacherBytes = std::size_t{1} << 30U;

class ModelTraining {
 public:
  ModelTraining(const Checkpoint& model, const TrainingPlan& plan, RunStore& store, TrainingResults& results,
                const RunContext& context, const RunObservers& observers)
      : m_model(model),
        m_plan(plan),
        m_store(store),
        m_results(results),
        m_context(context),
        m_observers(observers),
        m_weights(plan.spec, model) {}

  void run() {
    if (m_plan.form == TrainingForm::Whole)
      convertWhole(trainWhole());
    else
      trainBlocks();
    std::error_code ignored;
    std::filesystem::remove(m_store.trainingFile(), ignored);
    std::filesystem::remove_all(m_store.startFolder(), ignored);
  }

 private:
  void markQuantizedInputs(TrainingModel<float>& model, const std::vector<const PlannedLayer*>& layers) const {
    if (!m_plan.settings.flag("quantize_inputs")) return;
    for (const PlannedLayer* layer : layers) model.quantizedInputs.insert(layer->name);
  }

  void beginProgress(const char* stage, const char* unit, double units, double done = 0) const {
    if (m_context.progress != nullptr) m_context.progress->beginStage(stage, unit, units, done);
  }

  [[nodiscard]] TrainingState trainWhole() {
    const std::vector<const PlannedLayer*> layers = m_plan.layers();
    TrainingModel<float> model = loadTrainingModel<float>(m_plan.spec, m_weights, {}, m_context);
    markQuantizedInputs(model, layers);
    const CachedWeights cached(m_weights, kTeacherBytes);
    Teacher teacher(m_plan.spec, cached, m_plan.windows, kTeacherBytes, m_context);
    ParameterSet parameters(model, m_results.startOf(layers), trainableVectors(m_plan.spec), m_plan.options, m_context);
    const TokenWindows sample = m_plan.windows.slice(0, std::min(kSizeWindows, m_plan.windows.count()));
    parameters.setInputSizes(inputSizes(model, sample.inputs, sample.length, m_context));
    ModelTask task(model, m_plan.windows, teacher, m_plan.options.mix, m_plan.options.keepBytes);
    TrainingLoop loop(task, parameters, m_plan.options);
    if (std::optional<StoredTraining> stored = storedTraining(0)) loop.resume(std::move(stored->state));
    beginProgress("Training", "steps", m_plan.options.steps, loop.result().step);
    runLoop(loop, 0);
    return loop.result();
  }

  void convertWhole(const TrainingState& trained) {
    const std::vector<const PlannedLayer*> layers = m_plan.layers();
    beginProgress("Converting", "layers", static_cast<double>(layers.size()));
    m_results.keepVectors(trained.best.vectors);
    for (const PlannedLayer* layer : layers) {
      m_results.deliverTrained(*layer, trained, layers.size());
      m_context.advance(1);
    }
  }

  [[nodiscard]] std::optional<StoredTraining> storedTraining(std::size_t block) const {
    std::optional<StoredTraining> stored = loadTraining(m_store.trainingFile());
    if (stored && stored->block != block) return std::nullopt;
    return stored;
  }

  // However it ends, what was reached is on disk: conversion can be cancelled as well.
  void runLoop(TrainingLoop& loop, std::size_t block) {
    Clock::time_point saved = Clock::now();
    const std::string title =
        m_plan.form == TrainingForm::Whole ? m_plan.spec.modelName : m_plan.spec.blocks.at(block).name;
    Clock::time_point told{};
    const auto save = [&] {
      writeFileAtomically(m_store.trainingFile(), encodeTraining(loop.state(), block));
      saved = Clock::now();
    };
    const auto observer = [&](const TrainingState& state) {
      if (Clock::now() - saved > kSaveEvery) save();
      if (!m_observers.curves || Clock::now() - told < kTellEvery) return;
      m_observers.curves(title, trainingCurves(m_plan, state.curves));
      told = Clock::now();
    };
    try {
      loop.run(observer, m_context);
    } catch (const Cancelled&) {
      save();
      throw;
    }
    save();
    if (m_observers.curves) m_observers.curves(title, trainingCurves(m_plan, loop.result().curves));
  }

  void trainBlocks() {
    const TransformerRunner original(m_plan.spec, m_weights);
    RunContext quiet = m_context;
    quiet.progress = nullptr;
    Matrix targets = original.embed(m_plan.windows.inputs, m_plan.windows.length, 0, quiet);
    Matrix inputs = targets;
    beginProgress("Training", "steps",
                  static_cast<double>(m_plan.options.steps) * static_cast<double>(m_plan.spec.blocks.size()));
    for (std::size_t block = 0; block < m_plan.spec.blocks.size(); ++block) {
      original.runBlock(block, targets.span(), m_plan.windows.length, quiet);
      if (m_context.progress != nullptr) m_context.progress->setItem(m_plan.spec.blocks[block].name);
      convertBlock(block, inputs.view(), targets.view());
      passThrough(block, inputs);
    }
    for (const PlannedLayer* layer : m_plan.layers())
      if (!m_results.isDelivered(*layer)) m_results.deliverUntrained(*layer, false);  // outside the blocks
  }

  /// Trains one block, or takes it from the store.
  void convertBlock(std::size_t block, MatrixView inputs, MatrixView targets) {
    const std::vector<const PlannedLayer*> layers = m_plan.layersOf(m_plan.spec.blocks[block]);
    const bool isStored = std::all_of(layers.begin(), layers.end(), [this](const PlannedLayer* layer) {
      return m_store.loadReport(layer->name) && m_store.loadTensor(layer->name);
    });
    if (isStored) {
      for (const PlannedLayer* layer : layers) m_results.deliverStored(*layer, m_store);
      m_context.advance(m_plan.options.steps);
      return;
    }
    const TrainingState trained = trainBlock(block, layers, inputs, targets);
    m_results.keepVectors(trained.best.vectors);
    for (const PlannedLayer* layer : layers) m_results.deliverTrained(*layer, trained, layers.size());
  }

  [[nodiscard]] TrainingState trainBlock(std::size_t block, const std::vector<const PlannedLayer*>& layers,
                                         MatrixView inputs, MatrixView targets) {
    TrainingModel<float> model = loadTrainingModel<float>(
        m_plan.spec, m_weights, {.embedding = false, .head = false, .block = block}, m_context);
    markQuantizedInputs(model, layers);
    ParameterSet parameters(model, m_results.startOf(layers), vectorsOfBlock(m_plan.spec.blocks[block]), m_plan.options,
                            m_context);
    parameters.setInputSizes(blockSizes(model, block, inputs));
    BlockTask task(model, block, inputs, targets, m_plan.windows.length);
    TrainingLoop loop(task, parameters, m_plan.options);
    if (std::optional<StoredTraining> stored = storedTraining(block)) loop.resume(std::move(stored->state));
    m_context.advance(loop.result().step);
    runLoop(loop, block);
    return loop.result();
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

  /// The next block's inputs are the outputs of this one as it was converted.
  void passThrough(std::size_t block, Matrix& inputs) {
    RunContext quiet = m_context;
    quiet.progress = nullptr;
    QuantReport passed;
    for (const PlannedLayer* layer : m_plan.layersOf(m_plan.spec.blocks[block]))
      for (const LayerReportPtr& report : m_results.reports())
        if (report->name == layer->name) passed.layers.push_back(report);
    const RunWeights weights(m_plan.spec, m_model, passed, m_store);
    TransformerRunner(m_plan.spec, weights).runBlock(block, inputs.span(), m_plan.windows.length, quiet);
  }

  const Checkpoint& m_model;
  const TrainingPlan& m_plan;
  RunStore& m_store;
  TrainingResults& m_results;
  const RunContext& m_context;
  const RunObservers& m_observers;
  CheckpointWeights m_weights;
};

/// Everything from the store, or nothing where a layer is missing.
std::vector<LayerReportPtr> storedReports(const TrainingPlan& plan, const RunStore& store) {
  std::vector<LayerReportPtr> reports;
  for (const PlannedLayer* layer : plan.layers()) {
    std::optional<LayerReport> report = store.loadReport(layer->name);
    if (!report || report->shape != layer->shape) return {};
    reports.push_back(std::make_shared<const LayerReport>(std::move(*report)));
  }
  return reports;
}

RunStore startOf(const Checkpoint& model, const QuantRequest& request, const TrainingPlan& plan, const RunStore& store,
                 const RunContext& context) {
  const QuantRequest wanted = trainingStartRequest(request, plan.settings);
  RunStore start(store.startFolder(), model, wanted);
  const QuantReport report = runQuantization(model, wanted, start, context);
  for (const LayerReportPtr& layer : report.layers)
    if (!layer->error.empty()) throw Error(layer->errorKind, "layer '" + layer->name + "'", layer->error);
  return start;
}

}  // namespace

bool trainsModel(const QuantRequest& request) { return requireMethod(request.method).trainsModel; }

std::string trainingPreflight(const Checkpoint& model, const QuantRequest& request, const RunContext& context) {
  std::string text;
  inWorkerArena(context, [&] {
    const TrainingPlan plan = makeTrainingPlan(model, request, context);
    text = describe(plan.needs, plan.form);
  });
  return text;
}

std::vector<LayerReportPtr> trainLayers(const Checkpoint& model, const QuantRequest& request, RunStore& store,
                                        const RunContext& context, const RunObservers& observers) {
  TrainingPlan plan;
  std::vector<LayerReportPtr> reports;
  inWorkerArena(context, [&] { plan = makeTrainingPlan(model, request, context); });
  // Norms that were trained and got lost would leave the layers without what they were trained with.
  if (store.loadVectors()) reports = storedReports(plan, store);
  if (!reports.empty()) {
    for (const LayerReportPtr& report : reports)
      if (observers.layers) observers.layers(report);
    return reports;
  }
  const RunStore start = startOf(model, request, plan, store, context);
  inWorkerArena(context, [&] {
    TrainingResults results(model, request, plan, store, start, context, observers);
    ModelTraining(model, plan, store, results, context, observers).run();
    reports = results.reports();
  });
  return reports;
}

}  // namespace qs
