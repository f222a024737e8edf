#include "core/session/compare_methods.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/method_registry.h"
#include "core/session/activation_provider.h"
#include "core/session/decode_speed.h"
#include "core/session/model_training.h"
#include "core/session/run_quantization.h"
#include "core/session/run_weights.h"
#include "core/session/stored_weights.h"
#include "core/session/training_results.h"

namespace qs {

namespace {

constexpr std::uint64_t kBytesUnquantized = 2;  // 16 bits a weight
constexpr double kBitsUnquantized = 16.0;

std::uint64_t unquantizedBytes(const Checkpoint& model) {
  std::uint64_t bytes = 0;
  for (const CheckpointTensor& tensor : model.tensors()) bytes += tensor.info.elements * kBytesUnquantized;
  return bytes;
}

void checkRequest(const ComparisonRequest& request) {
  if (request.methods.empty()) throw requestError("methods", "nothing to compare");
  for (const ComparedMethod& compared : request.methods) {
    if (compared.method == kUnquantized) continue;
    (void)resolveSettings(requireMethod(compared.method), compared.settings);
  }
}

class Comparison {
 public:
  Comparison(std::shared_ptr<const Checkpoint> model, const ComparisonRequest& request, std::filesystem::path storeRoot,
             const RunContext& context, const RowObserver& observer)
      : m_model(std::move(model)),
        m_request(request),
        m_storeRoot(std::move(storeRoot)),
        m_context(context),
        m_observer(observer) {
    for (const ComparedMethod& compared : request.methods) {
      ComparisonRow row{.method = compared.method};
      if (compared.method != kUnquantized)
        row.settings = resolveSettings(requireMethod(compared.method), compared.settings);
      m_rows.push_back(std::move(row));
    }
  }

  ComparisonResult run() {
    for (std::size_t i = 0; i < m_rows.size(); ++i) tell(i);
    try {
      prepareReference();
      prepareCalibration();
      for (std::size_t i = 0; i < m_rows.size(); ++i) runRow(i);
      measureSpeed();
      markSimulated();
    } catch (const Cancelled&) {
      cancelOpenRows();
      throw;
    }
    return {std::move(m_rows), std::move(m_text), std::move(m_whyNotCalibrated)};
  }

 private:
  void tell(std::size_t row) const {
    if (m_observer) m_observer(row, m_rows[row]);
  }

  // The unquantized model and the text's windows; without them the rows still have sizes and errors.
  void prepareReference() {
    m_text.name = m_request.evaluationText.name;
    try {
      m_runnable = makeRunnable(m_model);
      m_windows = windowsOf(*m_runnable, m_request.evaluationText, m_request.windows, m_context);
    } catch (const Error& error) {
      m_runnable.reset();
      m_whyNotRun = error.what();
      return;
    }
    m_text.windows = m_windows.count();
    m_text.window = m_windows.windowSize;
    m_text.tokens = m_windows.targets.size() -
                    static_cast<std::size_t>(std::count(m_windows.targets.begin(), m_windows.targets.end(), -1));
    m_weights.emplace(m_runnable->spec, *m_model);
    m_runner.emplace(m_runnable->spec, *m_weights);
    m_reference.emplace(*m_runner);
  }

  // Where there is nothing to calibrate on, methods that don't need it go on without output errors.
  void prepareCalibration() {
    try {
      (void)makeActivationProvider(*m_model, m_request.base);
    } catch (const Error& error) {
      m_whyNotCalibrated = error.what();
    }
  }

  void runRow(std::size_t index) {
    ComparisonRow& row = m_rows[index];
    m_context.throwIfStopped();
    row.status = RowStatus::Running;
    tell(index);
    try {
      if (row.method == kUnquantized)
        measureUnquantized(row);
      else
        measureMethod(index);
      row.status = RowStatus::Done;
      if (!m_runnable) row.error = m_whyNotRun;
    } catch (const Error& error) {
      row.status = RowStatus::Failed;
      row.error = error.what();
    }
    tell(index);
  }

  void measureUnquantized(ComparisonRow& row) {
    row.sizeBytes = unquantizedBytes(*m_model);
    row.bitsPerWeight = kBitsUnquantized;
    row.meanOutputRelativeError = 0;  // it is what the others are measured against
    row.meanWeightRelativeError = 0;
    if (!m_runnable) return;
    Evaluation result;
    beginEvaluation(row.method);
    inWorkerArena(m_context, [&] { result = evaluate(*m_runner, m_windows, nullptr, m_context); });
    row.perplexity = result.perplexity;
    row.perplexityStderr = result.perplexityStderr;
    row.perplexityChange = 0;
    row.meanDivergence = 0;
    row.medianDivergence = 0;
    row.p999Divergence = 0;
    row.top1Agreement = 1;
  }

  void measureMethod(std::size_t index) {
    ComparisonRow& row = m_rows[index];
    QuantRequest request = m_request.base;
    request.method = row.method;
    request.settings = m_request.methods[index].settings;
    request.scaleType = ScaleType::F16;
    if (!trainsModel(request)) request.trainingText.clear();
    const bool goesWithout = !m_whyNotCalibrated.empty() && !requireMethod(row.method).needsCalibration;
    if (goesWithout) request.calibration = {};
    const auto store = std::make_shared<RunStore>(m_storeRoot, *m_model, request);
    const auto stored = std::make_shared<const QuantReport>(runQuantization(*m_model, request, *store, m_context));
    const QuantReport& report = *stored;
    requireAllLayers(report);
    row.run = std::make_shared<const StoredRun>(StoredRun{std::move(request), stored, store});
    row.sizeBytes =
        unquantizedBytes(*m_model) - report.total.parameters * kBytesUnquantized + report.total.quantizedBytes;
    row.bitsPerWeight = report.total.bitsPerWeight;
    row.meanWeightRelativeError = report.total.meanWeightRelativeError;
    row.meanOutputRelativeError = report.total.meanOutputRelativeError;
    row.seconds = report.total.seconds;
    row.error = goesWithout ? m_whyNotCalibrated : trainingEndedEarly(report);
    tell(index);
    if (m_runnable) evaluateRun(row);
  }

  void evaluateRun(ComparisonRow& row) {
    const RunWeights weights(m_runnable->spec, *m_model, *row.run->report, *row.run->store);
    const TransformerRunner runner(m_runnable->spec, weights);
    Evaluation result;
    beginEvaluation(row.method);
    inWorkerArena(m_context, [&] { result = evaluate(runner, m_windows, &*m_reference, m_context); });
    row.perplexity = result.perplexity;
    row.perplexityStderr = result.perplexityStderr;
    row.perplexityChange = result.perplexity - result.reference->referencePerplexity;
    row.meanDivergence = result.reference->meanDivergence;
    row.medianDivergence = result.reference->medianDivergence;
    row.p999Divergence = result.reference->p999Divergence;
    row.top1Agreement = result.reference->top1Agreement;
  }

  void beginEvaluation(const std::string& method) const {
    if (m_context.progress == nullptr) return;
    m_context.progress->beginStage("Evaluating", "blocks", evaluationUnits(m_runnable->spec, m_windows));
    m_context.progress->setItem(method);
  }

  static std::optional<DecodeVariant> variantOf(const ComparisonRow& row) {
    return row.run && row.status == RowStatus::Done ? decodeVariantOf(*row.run->report) : std::nullopt;
  }

  // All kernels in one interleaved run, so that their ratios belong together.
  void measureSpeed() {
    std::vector<DecodeVariant> variants;
    std::vector<DecodeShape> shapes;
    for (const ComparisonRow& row : m_rows) {
      const auto variant = variantOf(row);
      if (!variant) continue;
      if (shapes.empty()) shapes = decodeShapesOf(*row.run->report);
      if (std::find(variants.begin(), variants.end(), *variant) == variants.end()) variants.push_back(*variant);
    }
    if (m_request.decodeRepeats <= 0 || variants.empty()) return;
    if (m_context.progress != nullptr) m_context.progress->beginStage("Measuring decode speed", "passes", 0);
    std::vector<DecodeTiming> timings;
    try {
      inWorkerArena(m_context, [&] { timings = measureDecode(shapes, variants, m_request.decodeRepeats, m_context); });
    } catch (const Error&) {
      return;  // no shape fits every kernel: the column says "not measured"
    }
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
      const ComparisonRow& row = m_rows[i];
      if (row.method == kUnquantized && row.status == RowStatus::Done) setSpeed(i, timings.front());
      const auto variant = variantOf(row);
      for (const DecodeTiming& timing : timings)
        if (variant && timing.format == variant->format && timing.groupSize == variant->groupSize) setSpeed(i, timing);
    }
  }

  void markSimulated() {
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
      m_rows[i].onlySimulated = m_rows[i].run && m_rows[i].status == RowStatus::Done && !variantOf(m_rows[i]);
      if (m_rows[i].onlySimulated) tell(i);
    }
  }

  void setSpeed(std::size_t row, const DecodeTiming& timing) {
    m_rows[row].decodeSpeedup = timing.speedup;
    m_rows[row].decodeSpeedupLow = timing.speedupLow;
    m_rows[row].decodeSpeedupIsLeast = timing.cappedAtBytes;
    tell(row);
  }

  void cancelOpenRows() {
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
      if (m_rows[i].status != RowStatus::Waiting && m_rows[i].status != RowStatus::Running) continue;
      m_rows[i] = {.method = m_rows[i].method, .settings = m_rows[i].settings, .status = RowStatus::Cancelled};
      tell(i);
    }
  }

  std::shared_ptr<const Checkpoint> m_model;
  const ComparisonRequest& m_request;
  std::filesystem::path m_storeRoot;
  const RunContext& m_context;
  const RowObserver& m_observer;
  std::vector<ComparisonRow> m_rows;
  EvaluatedText m_text;
  std::optional<RunnableModel> m_runnable;
  std::string m_whyNotCalibrated;
  std::string m_whyNotRun;
  TokenWindows m_windows;
  std::optional<StoredWeights> m_weights;
  std::optional<TransformerRunner> m_runner;
  std::optional<ReferenceRun> m_reference;
};

}  // namespace

std::vector<ComparedMethod> defaultComparison() {
  std::vector<ComparedMethod> methods;
  for (const char* id : {kUnquantized, "int8-dynamic", "int8-static", "smoothquant", "rtn", "gptq", "awq", "qat"})
    methods.push_back({id, {}});
  return methods;
}

std::string_view name(RowStatus status) {
  switch (status) {
    case RowStatus::Waiting:
      return "waiting";
    case RowStatus::Running:
      return "running";
    case RowStatus::Done:
      return "done";
    case RowStatus::Failed:
      return "failed";
    case RowStatus::Cancelled:
      return "cancelled";
  }
  return "";
}

ComparisonResult compareMethods(std::shared_ptr<const Checkpoint> model, const ComparisonRequest& request,
                                const std::filesystem::path& storeRoot, const RunContext& context,
                                const RowObserver& observer) {
  checkRequest(request);
  return Comparison(std::move(model), request, storeRoot, context, observer).run();
}

}  // namespace qs
