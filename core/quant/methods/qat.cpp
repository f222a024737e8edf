#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/quant/calibration_notes.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/qat_trainer.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kTrainProgress = 0.95;  // share of a layer's progress
constexpr int kCurvePoints = 1000;       // about; of longer trainings every few steps are kept
constexpr auto kObserveEvery = std::chrono::milliseconds(50);
constexpr float kLargestPlain = 1e10F;  // weights beyond are trained scaled by a power of two

// The exponent k for which max|w|·2^k is about 1 where squares would leave F32's range, else 0.
int rescaling(MatrixView weights) {
  const ValueRange range = rangeOf(weights.values());
  const float largest = std::max(-range.low, range.high);
  if (largest == 0.0F || (largest < kLargestPlain && largest > 1.0F / kLargestPlain)) return 0;
  return -std::ilogb(largest);
}

Matrix timesPowerOfTwo(MatrixView weights, int exponent) {
  Matrix scaled(weights.rows, weights.cols);
  for (std::size_t i = 0; i < scaled.values().size(); ++i)
    scaled.values()[i] = std::ldexp(weights.values()[i], exponent);
  return scaled;
}

// Follows a training: the curve for the report, told to the observer now and then.
class LossCurve {
 public:
  LossCurve(std::string layer, int steps, const CurveObserver& observer)
      : m_layer(std::move(layer)), m_stride(steps / kCurvePoints + 1), m_observer(observer) {}

  void add(int step, double loss) {
    if (step % m_stride != 0) return;
    m_curve.x.push_back(step);
    m_curve.y.push_back(loss);
    if (!m_observer || Clock::now() - m_told < kObserveEvery) return;
    m_observer(m_layer, m_curve);
    m_told = Clock::now();
  }

  [[nodiscard]] MethodCurve take() {
    if (m_observer) m_observer(m_layer, m_curve);
    return std::move(m_curve);
  }

 private:
  std::string m_layer;
  int m_stride;
  const CurveObserver& m_observer;
  Clock::time_point m_told{};
  MethodCurve m_curve{.title = "Loss over step", .xLabel = "Step", .yLabel = "Relative output error"};
};

LayerOutcome trainLayer(const LayerTask& task, const QuantScheme& scheme, int steps, const QuantizeOptions& options,
                        const RunContext& context) {
  const ActivationStats& activations = requireGram(task);
  LayerOutcome outcome;
  if (const auto note = tooFewTokensNote(activations)) outcome.notes.push_back(*note);
  const int exponent = rescaling(task.weights.view());
  const Matrix copy = exponent == 0 ? Matrix() : timesPowerOfTwo(task.weights.view(), exponent);
  const double passProgress = kTrainProgress / (steps + 2);
  QatTrainer trainer(exponent == 0 ? task.weights.view() : copy.view(), scheme, activations, context, passProgress);
  if (!(trainer.reference() > 0.0)) {
    context.advance(kTrainProgress - passProgress);
    outcome.notes.emplace_back("the layer's outputs are all zero on the calibration inputs: rounded to nearest");
    outcome.tensor = quantizeUniform(task.weights.view(), scheme, false, context);
    return outcome;
  }
  LossCurve curve(task.name, steps, options.curveObserver);
  double startLoss = 0;
  trainer.train(steps, context, [&](int step, double loss) {
    if (step == 0) startLoss = loss;
    curve.add(step, loss);
  });
  if (!std::isfinite(trainer.bestLoss())) throw failedError(task.name, "the loss is not finite");
  outcome.figures["start_loss"] = startLoss;
  outcome.figures["best_loss"] = trainer.bestLoss();
  outcome.figures["best_step"] = trainer.bestStep();
  outcome.curves.push_back(curve.take());
  outcome.tensor = trainer.takeBest();
  for (float& scale : outcome.tensor->scales) scale = std::ldexp(scale, -exponent);
  requireStorable(*outcome.tensor);
  return outcome;
}

std::vector<LayerOutcome> quantizeQat(std::span<const LayerTask> tasks, const Settings& settings,
                                      const QuantizeOptions& options, const RunContext& context) {
  const QuantScheme scheme = integerScheme(settings, options.scaleType);
  const auto steps = static_cast<int>(settings.integer("steps"));
  return quantizeEach(
      tasks, context, [&](const LayerTask& task) { return trainLayer(task, scheme, steps, options, context); },
      kTrainProgress);
}

ParamSpec learnedZeroParam() {
  ParamSpec spec = symmetricParam();
  spec.help =
      "Signed codes with a learned step, as LSQ was published. Otherwise (the default) a zero point is learned too, "
      "which follows lopsided weights and usually errs less.";
  return spec;
}

ParamSpec stepsParam() {
  return {.key = "steps",
          .label = "Steps",
          .kind = ParamKind::Integer,
          .defaultValue = std::int64_t{300},
          .minimum = 0,
          .maximum = 10000,
          .step = 50,
          .help =
              "Training steps; the best one seen is kept. The learning rate falls to 0 over them, so that fewer steps "
              "also train, only less far. 0 keeps the start: the ranges with the least weight error."};
}

}  // namespace

MethodInfo qatMethod() {
  return {.id = "qat",
          .name = "Layer-wise QAT",
          .summary = "Trains each layer's weights and steps so that its rounded outputs stay close (LSQ).",
          .source = "arXiv 1902.08153 (LSQ), 2004.09576 (LSQ+), 1308.3432",
          .needsCalibration = true,
          .colorSlot = 5,
          .parameters = {bitsParam(), groupSizeParam(), learnedZeroParam(), stepsParam()},
          .quantize = quantizeQat};
}

}  // namespace qs
