#include "core/session/training_plan.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/model/architecture_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/quant/method_registry.h"
#include "core/quant/training_start.h"
#include "core/session/linear_weights.h"
#include "core/session/runnable_model.h"
#include "core/train/load_training_model.h"
#include "core/train/parameter_set.h"

namespace qs {

namespace {

constexpr std::size_t kLargestWindow = 512;

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

void checkLayers(const TrainingPlan& plan) {
  const std::vector<LinearSpec> linears = allLinears(plan.spec);
  for (const PlannedLayer* layer : plan.layers()) {
    if (!layer->plan.method->trainsModel)
      throw requestError("layer '" + layer->name + "'",
                         "method '" + layer->plan.method->id +
                             "' can't be mixed with training the whole model: skip the layer, or give it other bits");
    if (findLinear(linears, layer->name) == nullptr)
      throw requestError("layer '" + layer->name + "'",
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

TrainingSize sizeOf(const Checkpoint& model, const TrainingPlan& plan) {
  TrainingSize size{.windowLength = plan.windows.length, .windows = plan.windows.count()};
  std::map<int, std::uint64_t> blocks;
  for (const PlannedLayer* layer : plan.layers()) {
    size.trainedWeights += layer->tensor->info.elements;
    blocks[blockNumber(layer->name)] += layer->tensor->info.elements;
  }
  for (const auto& [block, weights] : blocks) size.largestBlock = std::max(size.largestBlock, weights);
  for (const CheckpointTensor& tensor : model.tensors()) size.allWeights += tensor.info.elements;
  size.headWeights = std::uint64_t{plan.spec.vocabSize} * plan.spec.head.in;
  return size;
}

bool isIn(const BlockSpec& block, const std::string& layer) {
  return findLinear(block.attention.inputs, layer) != nullptr || block.attention.output.name == layer ||
         findLinear(block.mlp.inputs, layer) != nullptr || block.mlp.down.name == layer;
}

}  // namespace

std::vector<const PlannedLayer*> TrainingPlan::layers() const {
  std::vector<const PlannedLayer*> all;
  for (const RunGroup& group : groups)
    for (const PlannedLayer& layer : group.layers) all.push_back(&layer);
  return all;
}

std::vector<const PlannedLayer*> TrainingPlan::layersOf(const BlockSpec& block) const {
  std::vector<const PlannedLayer*> chosen = layers();
  std::erase_if(chosen, [&block](const PlannedLayer* layer) { return !isIn(block, layer->name); });
  return chosen;
}

TrainingPlan makeTrainingPlan(const Checkpoint& model, const QuantRequest& request, const RunContext& context) {
  TrainingPlan plan;
  plan.settings = resolveSettings(requireMethod(request.method), request.settings);
  plan.spec = loadArchitecture(model);
  plan.groups = planGroups(model, request);
  plan.options = optionsOf(plan.settings, request.seed);
  checkLayers(plan);
  plan.windows = trainingWindows(model, plan.spec, request, context);
  plan.needs = needsOf(plan.spec, sizeOf(model, plan), plan.options, measureMultiplyAdds(context));
  plan.form = chooseForm(plan.settings.choice("training"), plan.needs, availableMemory());
  return plan;
}

QuantRequest trainingStartRequest(const QuantRequest& request, const Settings& settings) {
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

std::vector<std::string> trainableVectors(const ArchitectureSpec& spec) {
  std::vector<std::string> names;
  for (const BlockSpec& block : spec.blocks)
    for (std::string& name : vectorsOfBlock(block)) names.push_back(std::move(name));
  if (spec.finalNorm) names.push_back(spec.finalNorm->name + ".weight");
  if (spec.finalNorm && spec.finalNorm->kind == NormKind::Layer) names.push_back(spec.finalNorm->name + ".bias");
  return names;
}

}  // namespace qs
