#include "core/session/runnable_model.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/io/byte_stream.h"
#include "core/io/formats/model_folder.h"
#include "core/model/architecture_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/model/tokenizer/utf8.h"
#include "core/session/stored_weights.h"

namespace qs {

namespace {

constexpr std::uint64_t kMaximumTextBytes = std::uint64_t{1} << 30U;

// A pipe, a terminal, /dev/stdin: what can't be mapped and is no folder.
bool isStream(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_other(path, ignored);
}

}  // namespace

RunnableModel makeRunnable(std::shared_ptr<const Checkpoint> checkpoint) {
  RunnableModel model;
  model.spec = loadArchitecture(*checkpoint);
  model.tokenizer = loadTokenizer(*checkpoint);
  checkFitsEmbedding(*model.tokenizer, model.spec.vocabSize, checkpoint->path().string());
  model.checkpoint = std::move(checkpoint);
  return model;
}

std::filesystem::path builtInTextPath(const std::filesystem::path& demoFolder, BuiltInText text) {
  switch (text) {
    case BuiltInText::Calibration:
      return demoFolder / "calibration.txt";
    case BuiltInText::Evaluation:
      return demoFolder / "evaluation.txt";
    case BuiltInText::Training:
      return demoFolder / "training.txt";
  }
  return {};
}

NamedText readText(const std::filesystem::path& path, const RunContext& context) {
  NamedText text{path.string(),
                 isStream(path) ? readStream(path, kMaximumTextBytes, context) : readTextFile(path, kMaximumTextBytes)};
  if (const auto invalid = firstInvalidUtf8(text.text))
    throw inputError(text.name, "not valid UTF-8 (byte " + std::to_string(*invalid) + ")");
  return text;
}

TokenWindows windowsOf(const RunnableModel& model, const NamedText& text, const WindowChoice& choice,
                       const RunContext& context) {
  return textWindows(text.text, *model.tokenizer, model.spec, choice, text.name, context);
}

Evaluation evaluateModel(const RunnableModel& model, const NamedText& text, const WindowChoice& choice,
                         const RunnableModel* reference, const RunContext& context) {
  const TokenWindows windows = windowsOf(model, text, choice, context);
  const StoredWeights weights(model.spec, *model.checkpoint);
  const TransformerRunner runner(model.spec, weights);
  if (context.progress != nullptr) {
    const double units = evaluationUnits(model.spec, windows);
    const double referenceUnits = reference != nullptr ? evaluationUnits(reference->spec, windows) : 0;
    context.progress->beginStage("Evaluating", "blocks", units + referenceUnits);
  }
  Evaluation result;
  inWorkerArena(context, [&] {
    if (reference == nullptr) {
      result = evaluate(runner, windows, nullptr, context);
      return;
    }
    const StoredWeights referenceWeights(reference->spec, *reference->checkpoint);
    const TransformerRunner referenceRunner(reference->spec, referenceWeights);
    ReferenceRun referenceRun(referenceRunner);
    result = evaluate(runner, windows, &referenceRun, context);
  });
  return result;
}

}  // namespace qs
