#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/progress_bar.h"
#include "core/exporters/reports/text_table.h"
#include "core/session/demo_model.h"
#include "core/session/runnable_model.h"

namespace qs::cli {

namespace {

using nlohmann::ordered_json;

struct EvaluateOptions {
  CommonOptions common;
  std::string model;
  std::string text;
  std::string reference;
  std::size_t windows = 0;
  std::size_t window = 0;
};

ordered_json referenceJson(const ReferenceComparison& reference) {
  return {{"perplexity", reference.referencePerplexity},
          {"mean_kl_divergence", reference.meanDivergence},
          {"median_kl_divergence", reference.medianDivergence},
          {"p999_kl_divergence", reference.p999Divergence},
          {"top1_agreement", reference.top1Agreement}};
}

ordered_json evaluationJson(const Evaluation& result) {
  return {{"perplexity", result.perplexity},
          {"perplexity_stderr", result.perplexityStderr},
          {"nll_per_token", result.nllPerToken},
          {"tokens", result.tokens},
          {"windows", result.windows},
          {"window", result.window},
          {"reference", result.reference ? referenceJson(*result.reference) : ordered_json(nullptr)}};
}

void printEvaluation(const Evaluation& result) {
  std::cout << "perplexity " << roundedText(result.perplexity, 6) << " +/- " << roundedText(result.perplexityStderr, 2)
            << " over " << result.tokens << " tokens (" << result.windows << " windows of " << result.window << ")\n";
  if (!result.reference) return;
  const ReferenceComparison& reference = *result.reference;
  std::cout << "reference perplexity " << roundedText(reference.referencePerplexity, 6) << ", KL divergence mean "
            << roundedText(reference.meanDivergence, 4) << ", median " << roundedText(reference.medianDivergence, 4)
            << ", 99.9 % " << roundedText(reference.p999Divergence, 4) << ", top-1 agreement "
            << roundedText(reference.top1Agreement, 5) << "\n";
}

void evaluateCommand(const EvaluateOptions& options, const Environment& environment) {
  const RunnableModel model = makeRunnable(openModel(options.model, environment.executableFolder));
  std::optional<RunnableModel> reference;
  if (!options.reference.empty()) reference = makeRunnable(openModel(options.reference, environment.executableFolder));
  for (const std::string& warning : model.checkpoint->contents().warnings) printNote("warning: " + warning);
  const NamedText text = readText(
      options.text.empty() ? builtInEvaluationText(environment.executableFolder) : std::filesystem::path(options.text),
      contextOf(environment, options.common));
  Progress progress;
  Evaluation result;
  {
    const ProgressBar bar(progress, options.common.progress);
    result = evaluateModel(model, text, {.window = options.window, .maxWindows = options.windows},
                           reference ? &*reference : nullptr, contextOf(environment, options.common, &progress));
  }
  if (options.common.json)
    printJson(evaluationJson(result).dump(2));
  else
    printEvaluation(result);
}

}  // namespace

void addEvaluateCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("evaluate", "Measure a model's perplexity, and its divergence from another");
  const auto options = std::make_shared<EvaluateOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("MODEL", options->model, "Model folder or file, or \"demo\"")->required();
  command->add_option("--text", options->text, "Text, UTF-8 (default: the built-in evaluation text)");
  addCount(*command, "--window", options->window, "Tokens of a window (default: what fits, at most 2,048)");
  addCount(*command, "--windows", options->windows, "Windows (default: all up to 65,536 tokens)");
  command->add_option("--reference", options->reference, "Model to compare with");
  command->callback([&action, options] {
    action = [options](const Environment& environment) { evaluateCommand(*options, environment); };
  });
}

}  // namespace qs::cli
