#include "core/train/training_loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/train/batch_order.h"

namespace qs {

namespace {

constexpr std::size_t kMostValidationWindows = 48;
constexpr int kValidations = 24;    // over a training
constexpr int kSparsest = 50;       // steps between validations, at most
constexpr double kRunaway = 10.0;   // times the loss at the start,
constexpr double kRunawayBy = 1.0;  // and this much above it

}  // namespace

std::size_t validationCount(std::size_t windows) { return std::max<std::size_t>(1, windows / 10); }

TrainingLoop::TrainingLoop(TrainingTask& task, ParameterSet& parameters, const TrainingOptions& options)
    : m_task(task), m_parameters(parameters), m_options(options) {
  const std::size_t windows = task.windows();
  const std::size_t kept = validationCount(windows);
  if (windows < kept + 1)
    throw inputError("training text", "has " + std::to_string(windows) +
                                          " window(s); at least 2 are needed: one to train on and one to "
                                          "validate with");
  m_trainingWindows = windows - kept;
  for (std::size_t i = 0; i < std::min(kept, kMostValidationWindows); ++i)
    m_validation.push_back(m_trainingWindows + i);
}

bool TrainingLoop::resume(TrainingState state) {
  const std::vector<std::vector<float>*> parts = m_parameters.state();
  if (state.parameters.size() != parts.size() || state.step > m_options.steps) return false;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i]->size() != state.parameters[i].size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) *parts[i] = std::move(state.parameters[i]);
  state.parameters.clear();
  m_state = std::move(state);
  return true;
}

TrainingState TrainingLoop::state() {
  TrainingState state = m_state;
  for (const std::vector<float>* part : m_parameters.state()) state.parameters.push_back(*part);
  return state;
}

bool TrainingLoop::validatesAt(int step) const {
  const int every = std::clamp(m_options.steps / kValidations, 1, kSparsest);
  return step % every == 0 || step == m_options.steps;
}

void TrainingLoop::validate(const RunContext& context) {
  TrainingCurves& curves = m_state.curves;
  if (!curves.validationStep.empty() && static_cast<int>(curves.validationStep.back()) == m_state.step) return;
  double sum = 0;
  for (std::size_t first = 0; first < m_validation.size(); first += m_options.batch) {
    const std::span<const std::size_t> chosen =
        std::span(m_validation).subspan(first, std::min(m_options.batch, m_validation.size() - first));
    sum += m_task.loss(chosen, context) * static_cast<double>(chosen.size());
  }
  const double loss = sum / static_cast<double>(m_validation.size());
  curves.validationStep.push_back(m_state.step);
  curves.validationLoss.push_back(loss);
  if (!(loss < m_state.bestLoss) && m_state.step > 0) return;
  m_state.best = m_parameters.snapshot(context);
  m_state.bestLoss = loss;
  m_state.bestStep = m_state.step;
}

bool TrainingLoop::stopsAt(double loss) {
  const double first = m_state.curves.loss.empty() ? loss : m_state.curves.loss.front();
  if (!std::isfinite(loss))
    m_state.end = TrainingEnd::NotFinite;
  else if (loss > kRunaway * first && loss > first + kRunawayBy)
    m_state.end = TrainingEnd::Diverged;
  return m_state.end != TrainingEnd::Finished;
}

void TrainingLoop::run(const Observer& observer, const RunContext& context) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begun = Clock::now();
  const double before = m_state.seconds;
  m_parameters.apply(context);
  RunContext whole = context;  // an update is never left half done
  whole.stop = {};
  if (validatesAt(m_state.step)) validate(context);
  while (m_state.step < m_options.steps && m_state.end == TrainingEnd::Finished) {
    context.throwIfStopped();
    const std::vector<std::size_t> batch =
        batchOf(static_cast<std::size_t>(m_state.step), m_options.batch, m_trainingWindows, m_options.seed);
    const double loss = m_task.gradients(batch, m_parameters.gradients(), context);
    if (stopsAt(loss)) break;
    if (!std::isfinite(m_parameters.update(m_state.step, whole))) {
      m_state.end = TrainingEnd::NotFinite;
      break;
    }
    m_state.curves.step.push_back(m_state.step);
    m_state.curves.loss.push_back(loss);
    ++m_state.step;
    m_parameters.apply(whole);
    if (validatesAt(m_state.step)) validate(context);
    m_state.seconds = before + std::chrono::duration<double>(Clock::now() - begun).count();
    context.advance(1);
    if (observer) observer(m_state);
  }
}

}  // namespace qs
