#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/progress_bar.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/model/evaluation/generate.h"
#include "core/model/tokenizer/utf8.h"
#include "core/session/demo_model.h"
#include "core/session/runnable_model.h"
#include "core/session/stored_weights.h"

namespace qs::cli {

namespace {

struct GenerateOptions {
  CommonOptions common;
  std::string model;
  std::string prompt;
  std::size_t tokens = 64;
};

void generate(const GenerateOptions& options, const Environment& environment) {
  const RunnableModel model = makeRunnable(openModel(options.model, environment.executableFolder));
  const StoredWeights weights(model.spec, *model.checkpoint);
  const TransformerRunner runner(model.spec, weights);
  Progress progress;
  const RunContext context = contextOf(environment, options.common, &progress);
  if (const auto invalid = firstInvalidUtf8(options.prompt))
    throw requestError("--prompt", "not valid UTF-8 (byte " + std::to_string(*invalid) + ")");
  const std::vector<int> prompt = promptIds(options.prompt, *model.tokenizer, context);
  std::vector<int> ids;
  {
    const ProgressBar bar(progress, options.common.progress);
    progress.beginStage("Generating", "tokens", static_cast<double>(options.tokens));
    inWorkerArena(context, [&] { ids = generateGreedy(runner, prompt, {.tokens = options.tokens}, context); });
  }
  std::vector<int> all = prompt;
  all.insert(all.end(), ids.begin(), ids.end());
  const std::string text = model.tokenizer->decode(ids);
  const std::string fullText = model.tokenizer->decode(all);
  if (options.common.json)
    printJson(nlohmann::ordered_json{{"model", options.model},
                                     {"prompt", options.prompt},
                                     {"prompt_ids", prompt},
                                     {"text", text},
                                     {"ids", ids},
                                     {"full_text", fullText}}
                  .dump(2));
  else
    std::cout << fullText << "\n";
}

}  // namespace

void addGenerateCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("generate", "Continue a text greedily");
  const auto options = std::make_shared<GenerateOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("MODEL", options->model, "Model folder or file, or \"demo\"")->required();
  command->add_option("--prompt", options->prompt, "Text to continue")->required();
  addCount(*command, "--tokens", options->tokens, "Tokens to add at most")->capture_default_str();
  command->callback(
      [&action, options] { action = [options](const Environment& environment) { generate(*options, environment); }; });
}

}  // namespace qs::cli
