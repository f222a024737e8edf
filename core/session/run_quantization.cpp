#include "core/session/run_quantization.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>

#include "core/base/background_queue.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/method_registry.h"
#include "core/session/activation_provider.h"
#include "core/session/layer_report_builder.h"
#include "core/session/linear_weights.h"
#include "core/session/model_training.h"
#include "core/session/run_groups.h"

namespace qs {

namespace {

// What several groups may have together to be worked on at a time, so that one is measured while another is rounded; a
// larger group has all threads for itself.
constexpr std::uint64_t kWeightsAtATime = 100'000'000;
constexpr std::size_t kGroupsAtATime = 64;
constexpr std::uint64_t kBatchGramEntries = 16'000'000;
// Of finished layers: a disk that waits mustn't stop the computing, nor memory grow where it is too slow.
constexpr std::size_t kSavingThreads = 2;
constexpr std::uint64_t kSavingBytes = std::uint64_t{256} << 20U;

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<std::string> namesOf(const RunGroup& group) {
  std::vector<std::string> names;
  for (const PlannedLayer& layer : group.layers) names.push_back(layer.name);
  return names;
}

// Hands finished layers on in model order, one call at a time, whichever thread finished them.
class OrderedDelivery {
 public:
  OrderedDelivery(std::size_t groups, const LayerSink& sink) : m_groups(groups), m_done(groups, false), m_sink(sink) {}

  void deliver(std::size_t group, std::vector<LayerReportPtr> reports) {
    const std::lock_guard lock(m_mutex);
    m_groups[group] = std::move(reports);
    m_done[group] = true;
    for (; m_next < m_groups.size() && m_done[m_next]; ++m_next)
      for (const LayerReportPtr& report : m_groups[m_next])
        if (m_sink) m_sink(report);
  }
  [[nodiscard]] std::vector<LayerReportPtr> all() const {
    std::vector<LayerReportPtr> reports;
    for (const auto& group : m_groups) reports.insert(reports.end(), group.begin(), group.end());
    return reports;
  }

 private:
  std::mutex m_mutex;
  std::vector<std::vector<LayerReportPtr>> m_groups;
  std::vector<bool> m_done;
  std::size_t m_next = 0;
  const LayerSink& m_sink;
};

// The inputs of one group, or why there are none.
struct GroupInputs {
  std::shared_ptr<const ActivationStats> stats;
  std::optional<Error> error;
};

// A layer of a group, and what its weights look like. `weights` refers to `matrix`, or to the model's own memory.
struct LoadedLayer {
  std::size_t index = 0;
  Matrix matrix;
  WeightRows weights;
  WeightDescription description;
};

// What a worker has made of a layer; `tensor` is still to be saved.
struct MadeLayer {
  LayerReportPtr report;
  std::optional<QuantizedTensor> tensor;
};

// Groups first..last-1 of the order, so many of them at a time.
struct Batch {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t lanes = 1;
};

// Of the store, or of who else takes what was made; not an Error, so that no layer takes it for its own.
struct StoreFault {
  Error error;
};

class Run {
 public:
  Run(const Checkpoint& model, const QuantRequest& request, RunStore& store, const RunContext& context,
      const RunObservers& observers)
      : m_model(model),
        m_request(request),
        m_store(store),
        m_context(context),
        m_groups(planGroups(model, request)),
        m_provider(makeActivationProvider(model, request)),
        m_observers(observers),
        m_delivery(m_groups.size(), observers.layers) {
    for (std::size_t g = 0; g < m_groups.size(); ++g) m_order.push_back(g);
    std::stable_sort(m_order.begin(), m_order.end(),
                     [this](std::size_t a, std::size_t b) { return turn(a) < turn(b); });
  }

  std::vector<LayerReportPtr> all() {
    beginProgress();
    for (std::size_t next = 0; next < m_order.size();) {
      const Batch batch = batchFrom(next);
      runBatch(batch);
      next = batch.last;
    }
    m_saving.finish();
    return m_delivery.all();
  }

 private:
  void beginProgress() const {
    if (m_context.progress == nullptr) return;
    std::size_t layers = 0;
    for (const RunGroup& group : m_groups) layers += group.layers.size();
    m_context.progress->beginStage("Quantizing", "layers", static_cast<double>(layers));
  }

  [[nodiscard]] std::size_t turn(std::size_t group) const {
    return m_provider ? m_provider->turnOf(m_groups[group].layers.front().name) : 0;
  }

  // How many groups may be worked on at a time where the largest has so many weights.
  [[nodiscard]] static std::size_t groupsAtATime(std::uint64_t weights) {
    return std::clamp<std::size_t>(kWeightsAtATime / std::max<std::uint64_t>(weights, 1), 1, kGroupsAtATime);
  }

  // A batch is a run of m_order: groups whose inputs may be in memory together. A group that needs all threads is one
  // of its own.
  [[nodiscard]] Batch batchFrom(std::size_t first) const {
    Batch batch{.first = first, .last = first, .lanes = kGroupsAtATime};
    std::uint64_t weights = 0;
    std::uint64_t gram = 0;
    for (; batch.last < m_order.size(); ++batch.last) {
      const RunGroup& group = m_groups[m_order[batch.last]];
      weights += group.elements();
      gram += m_provider ? group.inputs() * group.inputs() : 0;
      const std::size_t lanes = std::min(batch.lanes, groupsAtATime(group.elements()));
      const bool isFull = m_provider && (weights > kWeightsAtATime || gram > kBatchGramEntries);
      const bool isApart = isFull || lanes == 1 || turn(m_order[batch.last]) != turn(m_order[first]);
      if (batch.last > first && isApart) break;
      batch.lanes = lanes;
    }
    return batch;
  }

  // The disk reads a group while others are worked on.
  void prefetch(std::size_t group) const {
    if (group >= m_order.size()) return;
    for (const PlannedLayer& layer : m_groups[m_order[group]].layers)
      if (!m_store.contains(layer.name)) layer.tensor->source->prefetch();
  }

  void runBatch(const Batch& batch) {
    std::vector<GroupInputs> inputs;
    for (std::size_t i = batch.first; i < batch.last; ++i) inputs.push_back(inputsOf(m_groups[m_order[i]]));
    const std::size_t lanes = std::min(batch.lanes, batch.last - batch.first);
    for (std::size_t lane = 0; lane < lanes; ++lane) prefetch(batch.first + lane);
    std::atomic<std::size_t> next = batch.first;
    parallelFor(m_context, lanes, [&](std::size_t) {
      for (std::size_t i = next++; i < batch.last; i = next++) {
        m_context.throwIfStopped();
        prefetch(i + lanes);
        runGroup(m_order[i], inputs[i - batch.first]);
      }
    });
    if (turn(m_order[batch.first]) == 0) return;
    m_saving.finish();
    for (std::size_t i = batch.first; i < batch.last; ++i)
      for (const PlannedLayer& layer : m_groups[m_order[i]].layers)
        if (const std::optional<QuantizedTensor> tensor = m_store.loadTensor(layer.name))
          m_provider->layerQuantized(layer.name, *tensor);
  }

  [[nodiscard]] GroupInputs inputsOf(const RunGroup& group) {
    if (!m_provider || !storedReports(group).empty()) return {};
    try {
      const std::vector<std::string> names = namesOf(group);
      std::shared_ptr<const ActivationStats> stats = m_provider->statsFor(names, group.inputs(), m_context);
      const std::filesystem::path& file = m_request.calibration.activationsFile;
      if (!stats && !file.empty() && group.layers.front().plan.method->needsCalibration)
        throw inputError(file.string(), "has no inputs of layer '" + names.front() + "' (a tensor '" + names.front() +
                                            ".input'), which method '" + group.layers.front().plan.method->id +
                                            "' needs");
      return {std::move(stats), std::nullopt};
    } catch (const Error& error) {
      return {nullptr, error};
    }
  }

  void runGroup(std::size_t index, const GroupInputs& inputs) {
    const RunGroup& group = m_groups[index];
    if (m_context.progress != nullptr) m_context.progress->setItem(group.layers.front().name);
    if (std::vector<LayerReportPtr> reports = storedReports(group); !reports.empty()) {
      m_context.advance(static_cast<double>(group.layers.size()));
      return m_delivery.deliver(index, std::move(reports));
    }
    std::vector<MadeLayer> made;
    try {
      if (inputs.error) throw Error(*inputs.error);
      made = quantizeGroup(group, inputs.stats.get());
    } catch (const Error& error) {
      return m_delivery.deliver(index, failedReports(group, error));
    }
    save(index, std::move(made));
  }

  void save(std::size_t index, std::vector<MadeLayer> made) {
    std::uint64_t bytes = 0;
    for (const MadeLayer& layer : made)
      if (layer.tensor) bytes += layer.tensor->codes.size() + layer.tensor->storedBytes();
    m_saving.push(bytes, [this, index, made = std::move(made)]() mutable {
      std::vector<LayerReportPtr> reports;
      for (MadeLayer& layer : made) {
        if (layer.tensor) saveLayer(*layer.report, *layer.tensor);
        layer.tensor.reset();
        reports.push_back(std::move(layer.report));
      }
      m_delivery.deliver(index, std::move(reports));
    });
  }

  // Empty unless every layer of the group is stored undamaged: they share a scale, so they are made together.
  [[nodiscard]] std::vector<LayerReportPtr> storedReports(const RunGroup& group) const {
    std::vector<LayerReportPtr> reports;
    for (const PlannedLayer& layer : group.layers) {
      std::optional<LayerReport> report = m_store.loadReport(layer.name);
      if (!report || report->shape != layer.shape) return {};
      reports.push_back(std::make_shared<const LayerReport>(std::move(*report)));
    }
    return reports;
  }

  [[nodiscard]] LayerReportPtr failedReport(const PlannedLayer& layer, const Error& error) const {
    LayerReport report = reportHead(layer);
    report.error = error.what();
    report.errorKind = error.kind();
    m_context.advance(1.0);
    return std::make_shared<const LayerReport>(std::move(report));
  }

  [[nodiscard]] std::vector<LayerReportPtr> failedReports(const RunGroup& group, const Error& error) const {
    std::vector<LayerReportPtr> reports;
    for (const PlannedLayer& layer : group.layers) reports.push_back(failedReport(layer, error));
    return reports;
  }

  [[nodiscard]] LoadedLayer load(const RunGroup& group, std::size_t index, const ActivationStats* inputs) const {
    const CheckpointTensor& tensor = *group.layers[index].tensor;
    LoadedLayer layer{.index = index};
    const bool readsRows = group.layers.front().plan.method->readsRows && inputs == nullptr;
    const std::optional<StoredRows> stored = readsRows ? storedLinear(m_model, tensor) : std::nullopt;
    if (!stored) layer.matrix = loadLinear(m_model, tensor, m_context);
    layer.weights = stored ? WeightRows(*stored) : WeightRows(layer.matrix.view());
    layer.description = describeWeights(layer.weights, m_context, WeightCounts::Later);
    if (!std::isfinite(layer.description.moments.sumSquared)) requireFinite(tensor, layer.weights.stored());
    return layer;
  }

  [[nodiscard]] std::vector<MadeLayer> quantizeGroup(const RunGroup& group, const ActivationStats* inputs) {
    const LayerPlan& plan = group.layers.front().plan;
    std::vector<MadeLayer> made(group.layers.size());
    std::vector<LoadedLayer> loaded;  // without those that can't be read, which fail alone
    for (std::size_t i = 0; i < group.layers.size(); ++i) {
      try {
        loaded.push_back(load(group, i, inputs));
      } catch (const Error& error) {
        made[i].report = failedReport(group.layers[i], error);
      }
    }
    std::vector<LayerTask> tasks;
    for (const LoadedLayer& layer : loaded)
      tasks.push_back({.name = group.layers[layer.index].name,
                       .weights = layer.weights,
                       .activations = inputs,
                       .mayScaleInput = group.mayScaleInput});
    const QuantizeOptions options{.scaleType = m_request.scaleType, .seed = m_request.seed};
    const auto start = std::chrono::steady_clock::now();
    std::vector<LayerOutcome> outcomes = plan.method->quantize(tasks, plan.settings, options, m_context);
    const double seconds = secondsSince(start) / static_cast<double>(std::max<std::size_t>(tasks.size(), 1));
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      const PlannedLayer& layer = group.layers[loaded[t].index];
      MadeLayer& result = made[loaded[t].index];
      result.report = measuredReport(layer, loaded[t], outcomes.at(t), inputs, seconds);
      result.tensor = std::move(outcomes[t].tensor);
      loaded[t].matrix = Matrix();
      layer.tensor->source->release();
    }
    return made;
  }

  [[nodiscard]] LayerReportPtr measuredReport(const PlannedLayer& layer, const LoadedLayer& loaded,
                                              const LayerOutcome& outcome, const ActivationStats* inputs,
                                              double seconds) const {
    LayerReport report = reportHead(layer);
    report.seconds = seconds;
    addDescription(loaded.description, report);
    measureOutcome(loaded.weights, loaded.description, outcome, inputs, report, m_context);
    return std::make_shared<const LayerReport>(std::move(report));
  }

  // A full disk ends the run; it is not the layer's fault.
  void saveLayer(const LayerReport& report, const QuantizedTensor& tensor) {
    m_context.throwIfStopped();
    try {
      m_store.save(report, tensor);
      if (m_observers.quantized) m_observers.quantized(report.name, tensor);
    } catch (const Error& error) {
      throw StoreFault{error};
    }
  }

  const Checkpoint& m_model;
  const QuantRequest& m_request;
  RunStore& m_store;
  const RunContext& m_context;
  std::vector<RunGroup> m_groups;
  std::vector<std::size_t> m_order;  // in which the groups are worked on
  std::unique_ptr<ActivationProvider> m_provider;
  const RunObservers& m_observers;
  OrderedDelivery m_delivery;
  BackgroundQueue m_saving{kSavingThreads, kSavingBytes};  // the last member: its threads use the others
};

}  // namespace

QuantReport runQuantization(const Checkpoint& model, const QuantRequest& request, RunStore& store,
                            const RunContext& context, const LayerSink& sink) {
  return runQuantization(model, request, store, context, RunObservers{.layers = sink});
}

QuantReport runQuantization(const Checkpoint& model, const QuantRequest& request, RunStore& store,
                            const RunContext& context, const RunObservers& observers) {
  validateRequest(request);
  QuantReport report{.model = model.path().string(),
                     .method = request.method,
                     .settings = resolveSettings(requireMethod(request.method), request.settings)};
  try {
    if (trainsModel(request))
      report.layers = trainLayers(model, request, store, context, observers);
    else
      inWorkerArena(context, [&] { report.layers = Run(model, request, store, context, observers).all(); });
  } catch (const StoreFault& fault) {
    throw Error(fault.error);
  }
  report.total = totalOf(report.layers);
  return report;
}

}  // namespace qs
