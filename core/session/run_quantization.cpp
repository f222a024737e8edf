#include "core/session/run_quantization.h"

#include <algorithm>
#include <chrono>
#include <mutex>

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

// What several groups may have together to be worked on at a time, so that one is stored while another is rounded; a
// larger group has all threads for itself.
constexpr std::uint64_t kBatchWeights = 100'000'000;
constexpr std::uint64_t kBatchGramEntries = 16'000'000;
constexpr std::size_t kBatchGroups = 64;

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
    prefetch(0, endOfBatch(0));
    for (std::size_t first = 0; first < m_groups.size();) {
      const std::size_t last = endOfBatch(first);
      prefetch(last, endOfBatch(last));
      runBatch(first, last);
      first = last;
    }
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

  // Batches are runs of m_order.
  [[nodiscard]] std::size_t endOfBatch(std::size_t first) const {
    std::uint64_t weights = 0;
    std::uint64_t gram = 0;
    std::size_t last = first;
    while (last < m_order.size() && last - first < kBatchGroups) {
      const RunGroup& group = m_groups[m_order[last]];
      weights += group.elements();
      gram += m_provider ? group.inputs() * group.inputs() : 0;
      const bool isFull = weights > kBatchWeights || gram > kBatchGramEntries;
      if (last > first && (isFull || turn(m_order[last]) != turn(m_order[first]))) break;
      ++last;
    }
    return last;
  }

  // The disk reads a batch while the one before is worked on.
  void prefetch(std::size_t first, std::size_t last) const {
    for (std::size_t g = first; g < last; ++g)
      for (const PlannedLayer& layer : m_groups[g].layers)
        if (!m_store.contains(layer.name)) layer.tensor->source->prefetch();
  }

  void runBatch(std::size_t first, std::size_t last) {
    std::vector<GroupInputs> inputs;
    for (std::size_t i = first; i < last; ++i) inputs.push_back(inputsOf(m_groups[m_order[i]]));
    parallelFor(m_context, last - first, [&](std::size_t i) { runGroup(m_order[first + i], inputs[i]); });
    if (turn(m_order[first]) == 0) return;
    for (std::size_t i = first; i < last; ++i)
      for (const PlannedLayer& layer : m_groups[m_order[i]].layers)
        if (const std::optional<QuantizedTensor> tensor = m_store.loadTensor(layer.name))
          m_provider->layerQuantized(layer.name, *tensor);
  }

  [[nodiscard]] GroupInputs inputsOf(const RunGroup& group) {
    if (!m_provider || isStored(group)) return {};
    try {
      const std::vector<std::string> names = namesOf(group);
      return {m_provider->statsFor(names, group.inputs(), m_context), std::nullopt};
    } catch (const Error& error) {
      return {nullptr, error};
    }
  }

  [[nodiscard]] bool isStored(const RunGroup& group) const {
    return std::all_of(group.layers.begin(), group.layers.end(),
                       [this](const PlannedLayer& layer) { return m_store.contains(layer.name); });
  }

  void runGroup(std::size_t index, const GroupInputs& inputs) {
    const RunGroup& group = m_groups[index];
    if (m_context.progress != nullptr) m_context.progress->setItem(group.layers.front().name);
    std::vector<LayerReportPtr> reports = storedReports(group);
    if (reports.empty()) {
      try {
        if (inputs.error) throw Error(*inputs.error);
        reports = quantizeGroup(group, inputs.stats.get());
      } catch (const Error& error) {
        reports = failedReports(group, error);
      }
    } else {
      m_context.advance(static_cast<double>(group.layers.size()));
    }
    m_delivery.deliver(index, std::move(reports));
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

  [[nodiscard]] std::vector<LayerReportPtr> quantizeGroup(const RunGroup& group, const ActivationStats* inputs) {
    const auto start = std::chrono::steady_clock::now();
    const LayerPlan& plan = group.layers.front().plan;
    std::vector<LayerReportPtr> reports(group.layers.size());
    std::vector<Matrix> weights;
    std::vector<LayerTask> tasks;
    std::vector<std::size_t> loaded;  // the layer of each task: one that can't be read fails alone
    for (std::size_t i = 0; i < group.layers.size(); ++i) {
      try {
        weights.push_back(loadLinear(m_model, *group.layers[i].tensor, m_context));
        loaded.push_back(i);
      } catch (const Error& error) {
        reports[i] = failedReport(group.layers[i], error);
      }
    }
    for (std::size_t t = 0; t < loaded.size(); ++t)
      tasks.push_back({.name = group.layers[loaded[t]].name,
                       .weights = weights[t].view(),
                       .activations = inputs,
                       .mayScaleInput = group.mayScaleInput});
    const QuantizeOptions options{.scaleType = m_request.scaleType, .seed = m_request.seed};
    std::vector<LayerOutcome> outcomes = plan.method->quantize(tasks, plan.settings, options, m_context);
    const double seconds = secondsSince(start) / static_cast<double>(std::max<std::size_t>(tasks.size(), 1));
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      reports[loaded[t]] = finishLayer(group.layers[loaded[t]], tasks[t].weights, outcomes.at(t), inputs, seconds);
      weights[t] = Matrix();
      outcomes[t] = LayerOutcome();
    }
    return reports;
  }

  [[nodiscard]] LayerReportPtr finishLayer(const PlannedLayer& layer, MatrixView weights, const LayerOutcome& outcome,
                                           const ActivationStats* inputs, double seconds) {
    LayerReport report = reportHead(layer);
    report.seconds = seconds;
    const WeightDescription description = describeWeights(weights, m_context);
    addDescription(description, report);
    measureOutcome(weights, description, outcome, inputs, report, m_context);
    if (outcome.tensor) {
      m_context.throwIfStopped();
      saveLayer(report, *outcome.tensor);
    }
    return std::make_shared<const LayerReport>(std::move(report));
  }

  // A full disk ends the run; it is not the layer's fault.
  void saveLayer(const LayerReport& report, const QuantizedTensor& tensor) {
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
