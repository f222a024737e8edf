#include "core/base/error.h"
#include "core/quant/method_info.h"
#include "core/quant/method_registry.h"
#include "core/quant/training_start.h"

namespace qs {

namespace {

// A layer by itself is its start: what trains it is the model around it.
std::vector<LayerOutcome> quantizeStart(std::span<const LayerTask> tasks, const Settings& settings,
                                        const QuantizeOptions& options, const RunContext& context) {
  const MethodInfo& start = requireMethod(settings.choice("start"));
  return start.quantize(tasks, resolveSettings(start, startSettings(settings)), options, context);
}

ParamSpec choiceParam(std::string key, std::string label, std::string byDefault, std::vector<ParamChoice> choices,
                      std::string help) {
  return {.key = std::move(key),
          .label = std::move(label),
          .kind = ParamKind::Choice,
          .defaultValue = std::move(byDefault),
          .choices = std::move(choices),
          .help = std::move(help)};
}

ParamSpec startParam() {
  return choiceParam(
      "start", "Start", "rtn", {{"rtn", "RTN"}, {"gptq", "GPTQ"}, {"awq", "AWQ"}},
      "The method whose codes, scales and zero points the training starts from, at its own defaults. GPTQ "
      "and AWQ are calibrated first; at 2 bits start from the better of them.");
}

ParamSpec trainParam() {
  return choiceParam(
      "train", "Train", "all",
      {{"steps", "Step sizes only"}, {"weights", "Weights and step sizes"}, {"all", "Norms too"}},
      "What may change: step sizes and zero points; the weights behind them as well; norms and biases as "
      "well, which costs nothing in the file.");
}

ParamSpec trainingParam() {
  return choiceParam("training", "Training", "auto",
                     {{"auto", "As memory allows"}, {"whole", "Whole model"}, {"blocks", "Block by block"}},
                     "The whole model on its language-modelling loss, or each block on the outputs of the unquantized "
                     "one, which takes far less memory. As memory allows: the whole model where it fits.");
}

ParamSpec integerParam(std::string key, std::string label, std::int64_t byDefault, double maximum, double step,
                       std::string help) {
  return {.key = std::move(key),
          .label = std::move(label),
          .kind = ParamKind::Integer,
          .defaultValue = byDefault,
          .minimum = 0,
          .maximum = maximum,
          .step = step,
          .help = std::move(help)};
}

ParamSpec realParam(std::string key, std::string label, double byDefault, double maximum, double step,
                    std::string help) {
  return {.key = std::move(key),
          .label = std::move(label),
          .kind = ParamKind::Real,
          .defaultValue = byDefault,
          .minimum = 0,
          .maximum = maximum,
          .step = step,
          .help = std::move(help)};
}

ParamSpec advanced(ParamSpec spec) {
  spec.advanced = true;
  return spec;
}

ParamSpec batchParam() {
  ParamSpec spec = integerParam("batch", "Batch", 8, 256, 1, "Windows of text in a step.");
  spec.minimum = 1;
  return advanced(std::move(spec));
}

ParamSpec quantizeInputsParam() {
  return {.key = "quantize_inputs",
          .label = "Quantize inputs",
          .kind = ParamKind::Switch,
          .defaultValue = false,
          .help =
              "The linears' inputs are quantized too while training and when the model runs: 8 bits, one scale a "
              "token. Not from an AWQ start.",
          .advanced = true};
}

std::vector<ParamSpec> trainingParams() {
  return {
      startParam(),
      integerParam("steps", "Steps", 250, 100000, 50,
                   "Training steps (of each block, when trained block by block); the best one seen is kept. 0 keeps "
                   "the start."),
      trainParam(),
      trainingParam(),
      batchParam(),
      advanced(realParam("learning_rate", "Weight rate", 0.005, 1, 0.001,
                         "Learning rate of the weights, in units of their first step size. 0 keeps them.")),
      advanced(realParam("step_learning_rate", "Step rate", 0.005, 1, 0.001,
                         "Learning rate of step sizes, relative to their first value, and of zero points.")),
      advanced(realParam("norm_learning_rate", "Norm rate", 0.005, 1, 0.001,
                         "Learning rate of norms and biases, relative to their first values.")),
      advanced(realParam("weight_decay", "Weight decay", 0.0, 1, 0.01, "AdamW's weight decay on the weights.")),
      advanced(realParam("gradient_clip", "Gradient clip", 1.0, 1000, 0.1,
                         "The longest gradient taken; longer ones are shortened to it. 0: none is.")),
      advanced(integerParam("warm_up", "Warm-up", 20, 10000, 10,
                            "Steps over which the rates rise; afterwards they fall to 0 as a cosine.")),
      advanced(
          realParam("divergence_share", "Divergence share", 1.0, 1, 0.1,
                    "The loss: 1 is the KL divergence from the unquantized model, 0 the cross-entropy of the text, "
                    "between them a mix.")),
      quantizeInputsParam(),
  };
}

}  // namespace

MethodInfo qatModelMethod() {
  std::vector<ParamSpec> parameters{bitsParam(), groupSizeParam(), symmetricParam()};
  for (ParamSpec& spec : trainingParams()) parameters.push_back(std::move(spec));
  return {.id = "qat-model",
          .name = "Model QAT",
          .summary = "Trains the whole model with its quantization simulated, so that its predictions stay close.",
          .source = "arXiv 1902.08153 (LSQ), 2004.09576 (LSQ+), 2305.17888 (LLM-QAT), 1308.3432",
          .trainsModel = true,
          .colorSlot = 5,
          .parameters = std::move(parameters),
          .quantize = quantizeStart};
}

Settings startSettings(const Settings& settings) {
  Settings start;
  for (const char* key : {"bits", "group_size", "symmetric"}) start.set(key, settings.value(key));
  return start;
}

bool needsCalibration(const MethodInfo& method, const Settings& settings) {
  if (method.needsCalibration || !method.trainsModel) return method.needsCalibration;
  const ParamSpec* start = method.parameter("start");
  const ParamValue& value = settings.contains("start") ? settings.value("start") : start->defaultValue;
  const auto* id = std::get_if<std::string>(&value);
  const MethodInfo* found = id == nullptr ? nullptr : findMethod(*id);
  return found != nullptr && found->needsCalibration;
}

}  // namespace qs
