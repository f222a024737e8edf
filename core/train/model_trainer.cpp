#include "core/train/model_trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/train/batch_order.h"
#include "core/train/load_training_model.h"
#include "core/train/passes/model_pass.h"

namespace qs {

namespace {

constexpr std::size_t kMostValidationWindows = 48;
constexpr int kValidations = 24;    // over a training
constexpr int kSparsest = 50;       // steps between validations, at most
constexpr double kRunaway = 3.0;    // times the loss at the start,
constexpr double kRunawayBy = 2.0;  // and this many nats above it

struct Batch {
  std::vector<int> ids;
  std::vector<int> targets;
};

Batch gather(const TokenWindows& windows, std::span<const std::size_t> chosen) {
  Batch batch;
  for (const std::size_t window : chosen) {
    const auto append = [&](const std::vector<int>& from, std::vector<int>& to) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(window * windows.length);
      to.insert(to.end(), begin, begin + static_cast<std::ptrdiff_t>(windows.length));
    };
    append(windows.inputs, batch.ids);
    append(windows.targets, batch.targets);
  }
  return batch;
}

}  // namespace

Teacher::Teacher(const ArchitectureSpec& spec, const WeightProvider& weights, const TokenWindows& windows,
                 std::size_t keepBytes, const RunContext& context)
    : m_windows(windows),
      m_runner(spec, weights),
      m_head(loadTrainingModel<float>(spec, weights, {.embedding = false, .block = {}, .blocks = false}, context)),
      m_room(keepBytes) {}

RealMatrix<float> Teacher::inputsOf(std::span<const std::size_t> windows, const RunContext& context) {
  RunContext quiet = context;
  quiet.progress = nullptr;
  std::vector<std::size_t> missing;
  for (const std::size_t window : windows)
    if (!m_kept.contains(window)) missing.push_back(window);
  // Each window by itself, so that its bits don't depend on which others are missing.
  std::vector<Matrix> made(missing.size());
  parallelFor(quiet, missing.size(), [&](std::size_t i) {
    const Batch window = gather(m_windows, std::span(missing).subspan(i, 1));
    made[i] = m_runner.run(window.ids, m_windows.length, quiet);
  });
  const std::size_t width = m_runner.spec().head.in;
  RealMatrix<float> inputs(windows.size() * m_windows.length, width);
  const std::size_t size = m_windows.length * width;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto to = inputs.values().subspan(i * size, size);
    if (const auto kept = m_kept.find(windows[i]); kept != m_kept.end()) {
      std::copy(kept->second.values().begin(), kept->second.values().end(), to.begin());
      continue;
    }
    const auto at = std::find(missing.begin(), missing.end(), windows[i]);
    Matrix& from = made[static_cast<std::size_t>(at - missing.begin())];
    std::copy(from.values().begin(), from.values().end(), to.begin());
    if (m_room < size * sizeof(float)) continue;
    m_room -= size * sizeof(float);
    m_kept.emplace(windows[i], std::move(from));
  }
  return inputs;
}

std::size_t validationCount(std::size_t windows) { return std::max<std::size_t>(1, windows / 10); }

ModelTrainer::ModelTrainer(TrainingModel<float> model, std::map<std::string, QuantizedTensor> start,
                           const std::vector<std::string>& vectors, const TokenWindows& windows, Teacher& teacher,
                           const TrainingOptions& options, const RunContext& context)
    : m_model(std::move(model)),
      m_windows(windows),
      m_teacher(teacher),
      m_options(options),
      m_parameters(m_model, std::move(start), vectors, options, context) {
  const std::size_t kept = validationCount(windows.count());
  if (windows.count() < kept + 1)
    throw inputError("training text", "has " + std::to_string(windows.count()) + " windows of " +
                                          std::to_string(windows.windowSize) +
                                          " tokens; at least 2 are needed: one to train on and one to validate with");
  m_trainingWindows = windows.count() - kept;
  for (std::size_t i = 0; i < std::min(kept, kMostValidationWindows); ++i)
    m_validation.push_back(m_trainingWindows + i);
}

bool ModelTrainer::resume(TrainingState state) {
  const std::vector<std::vector<float>*> parts = m_parameters.state();
  if (state.parameters.size() != parts.size() || state.step > m_options.steps) return false;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i]->size() != state.parameters[i].size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) *parts[i] = std::move(state.parameters[i]);
  state.parameters.clear();
  m_state = std::move(state);
  return true;
}

TrainingState ModelTrainer::state() {
  TrainingState state = m_state;
  for (const std::vector<float>* part : m_parameters.state()) state.parameters.push_back(*part);
  return state;
}

bool ModelTrainer::validatesAt(int step) const {
  const int every = std::clamp(m_options.steps / kValidations, 1, kSparsest);
  return step % every == 0 || step == m_options.steps;
}

void ModelTrainer::validate(const RunContext& context) {
  if (!m_state.curves.validationStep.empty() && m_state.curves.validationStep.back() == m_state.step) return;
  double sum = 0;
  std::size_t predicted = 0;
  for (std::size_t first = 0; first < m_validation.size(); first += m_options.batch) {
    const std::span<const std::size_t> chosen =
        std::span(m_validation).subspan(first, std::min(m_options.batch, m_validation.size() - first));
    const Batch batch = gather(m_windows, chosen);
    const RealMatrix<float> inputs = m_teacher.inputsOf(chosen, context);
    const auto count = static_cast<std::size_t>(
        std::count_if(batch.targets.begin(), batch.targets.end(), [](int target) { return target >= 0; }));
    const double loss = modelLoss<float>(m_model, {batch.ids, batch.targets, m_windows.length},
                                         {inputs.view(), &m_teacher.head()}, m_options.mix, context);
    sum += loss * static_cast<double>(count);
    predicted += count;
  }
  const double loss = sum / static_cast<double>(std::max<std::size_t>(1, predicted));
  m_state.curves.validationStep.push_back(m_state.step);
  m_state.curves.validationLoss.push_back(loss);
  if (!(loss < m_state.bestLoss) && m_state.step > 0) return;
  m_state.best = m_parameters.snapshot(context);
  m_state.bestLoss = loss;
  m_state.bestStep = m_state.step;
}

double ModelTrainer::takeStep(const RunContext& context) {
  const std::vector<std::size_t> chosen =
      batchOf(static_cast<std::size_t>(m_state.step), m_options.batch, m_trainingWindows, m_options.seed);
  const Batch batch = gather(m_windows, chosen);
  const RealMatrix<float> inputs = m_teacher.inputsOf(chosen, context);
  return modelGradients<float>(m_model, {batch.ids, batch.targets, m_windows.length},
                               {inputs.view(), &m_teacher.head()}, m_options.mix, m_options.keepBytes,
                               m_parameters.gradients(), context);
}

bool ModelTrainer::stopsAt(double loss) {
  const double first = m_state.curves.loss.empty() ? loss : m_state.curves.loss.front();
  if (!std::isfinite(loss))
    m_state.end = TrainingEnd::NotFinite;
  else if (loss > kRunaway * first && loss > first + kRunawayBy)
    m_state.end = TrainingEnd::Diverged;
  return m_state.end != TrainingEnd::Finished;
}

void ModelTrainer::run(const Observer& observer, const RunContext& context) {
  using Clock = std::chrono::steady_clock;
  m_parameters.apply(context);
  if (validatesAt(m_state.step)) validate(context);  // the start, or where a training was stopped in between
  const Clock::time_point begun = Clock::now();
  const int first = m_state.step;
  RunContext whole = context;  // an update is never left half done
  whole.stop = {};
  while (m_state.step < m_options.steps && m_state.end == TrainingEnd::Finished) {
    context.throwIfStopped();
    const double loss = takeStep(context);
    if (stopsAt(loss)) break;
    m_parameters.update(m_state.step, whole);
    m_state.curves.step.push_back(m_state.step);
    m_state.curves.loss.push_back(loss);
    ++m_state.step;
    m_parameters.apply(whole);
    if (validatesAt(m_state.step)) validate(context);
    context.advance(1);
    const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    if (observer) observer({m_state, seconds / (m_state.step - first)});
  }
}

}  // namespace qs
