#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <sstream>

#include "app/cli/command.h"
#include "app/cli/earlier_output.h"
#include "app/cli/input_checks.h"
#include "app/cli/method_options.h"
#include "app/cli/output_checks.h"
#include "app/cli/progress_bar.h"
#include "app/cli/temporary_folder.h"
#include "core/base/error.h"
#include "core/exporters/reports/compare_report.h"
#include "core/io/reader_registry.h"
#include "core/quant/method_registry.h"
#include "core/session/atomic_file.h"
#include "core/session/compare_methods.h"
#include "core/session/demo_model.h"
#include "core/session/recipe.h"
#include "core/session/run_groups.h"

namespace qs::cli {

namespace {

struct CompareOptions {
  CommonOptions common;
  RequestOptions request;
  std::string model;
  std::string methods;
  std::string text;
  std::string calibrationText;
  std::string trainingText;
  std::string csv;
  std::string markdown;
  std::size_t windows = 0;
  std::size_t window = 0;
  bool resume = false;
  bool force = false;
};

std::vector<std::string> idsOf(const CompareOptions& options) {
  std::vector<std::string> ids;
  if (options.methods.empty())
    for (const ComparedMethod& compared : defaultComparison()) ids.push_back(compared.method);
  std::istringstream stream(options.methods);
  for (std::string id; std::getline(stream, id, ',');) ids.push_back(id);
  return ids;
}

Recipe recipeOf(const CompareOptions& options) {
  return options.request.recipe.empty() ? Recipe{} : readRecipe(options.request.recipe);
}

// The recipe's settings are those of its method's row; what the command line says goes over them.
std::vector<ComparedMethod> methodsOf(const CompareOptions& options) {
  const Recipe recipe = recipeOf(options);
  std::vector<ComparedMethod> methods;
  for (const std::string& id : idsOf(options)) {
    methods.push_back({id, id == recipe.method ? recipe.settings : Settings()});
    if (id == kUnquantized) continue;
    const Settings given = options.request.parameters.settingsFor(requireMethod(id), true);
    for (const auto& [key, value] : given.values()) methods.back().settings.set(key, value);
  }
  return methods;
}

void requireKnownOptions(const CompareOptions& options, const std::vector<ComparedMethod>& methods) {
  for (const auto& given : options.request.parameters.given()) {
    const std::string& key = given.first;
    const bool isKnown = std::any_of(methods.begin(), methods.end(), [&key](const ComparedMethod& compared) {
      return compared.method != kUnquantized && requireMethod(compared.method).parameter(key) != nullptr;
    });
    if (!isKnown) throw requestError("option of '" + key + "'", "none of the compared methods has it");
  }
}

// What all methods have in common. Overrides name settings of the first method that has them.
QuantRequest baseOf(const CompareOptions& options, const std::vector<ComparedMethod>& methods, const Checkpoint& model,
                    const Environment& environment) {
  QuantRequest base;
  const auto first = std::find_if(methods.begin(), methods.end(),
                                  [](const ComparedMethod& compared) { return compared.method != kUnquantized; });
  base.overrides = recipeOf(options).overrides;
  for (const std::string& text : options.request.overrides)
    base.overrides.push_back(parseOverride(text, first == methods.end() ? base.method : first->method));
  options.request.applyTo(base);
  base.seed = options.common.seed;
  const std::filesystem::path builtIn = builtInCalibrationText(environment.executableFolder);
  for (const ComparedMethod& compared : methods) {
    if (compared.method == kUnquantized || base.calibration.runModel) continue;
    QuantRequest request = base;
    request.method = compared.method;
    request.settings = compared.settings;
    options.request.chooseCalibration(model, options.calibrationText, builtIn, request);
    base.calibration = request.calibration;
  }
  base.trainingText = options.trainingText.empty() ? builtInTrainingText(environment.executableFolder)
                                                   : std::filesystem::path(options.trainingText);
  return base;
}

// Perplexity that was asked for has to be measured; else a model that can't be run keeps its other figures.
void requireWindows(const CompareOptions& options, const std::shared_ptr<const Checkpoint>& model,
                    const ComparisonRequest& request, const RunContext& context) {
  if (options.text.empty() && options.window == 0) return;
  static_cast<void>(windowsOf(makeRunnable(model), request.evaluationText, request.windows, context));
}

std::array<NamedPath, 2> outputsOf(const CompareOptions& options) {
  return {NamedPath{"--csv", options.csv, isEarlierTable(options.csv)},
          NamedPath{"--markdown", options.markdown, isEarlierTable(options.markdown)}};
}

void requireOutputs(const CompareOptions& options) {
  const std::array inputs{NamedPath{"--text", options.text}, NamedPath{"--calibration-text", options.calibrationText},
                          NamedPath{"--training-text", options.trainingText},
                          NamedPath{"--calibration", options.request.calibration},
                          NamedPath{"--recipe", options.request.recipe}};
  const std::array<NamedPath, 2> outputs = outputsOf(options);
  requireSeparateFiles(outputs, inputs);
  for (const NamedPath& output : outputs) requireWritableExtra(output, options.force);
}

// What every row would fail by, before any work.
void requireInputs(const CompareOptions& options) {
  for (const std::string& file : {options.calibrationText, options.trainingText, options.request.calibration})
    requireReadableFile(file);
  if (!options.request.calibration.empty()) static_cast<void>(openCheckpoint(options.request.calibration));
}

void requireLayers(const CompareOptions& options, const Checkpoint& model, const QuantRequest& base) {
  options.request.requireMatches(model, base);
  if (!base.layers.include.empty() || !base.overrides.empty()) requireLayersToQuantize(model, base);
}

void writeTables(const CompareOptions& options, const std::vector<ComparisonRow>& rows) {
  if (!options.csv.empty()) writeFileAtomically(options.csv, compareTable(rows).toCsv());
  if (!options.markdown.empty()) writeFileAtomically(options.markdown, compareSummary(rows).toMarkdown());
}

void printTable(const ComparisonResult& result, const CalibrationSource& calibration) {
  std::cout << compareSummary(result.rows).toPlainText();
  const EvaluatedText& text = result.text;
  if (text.windows > 0)
    std::cout << "Evaluated on " << text.name << ": " << text.tokens << " tokens in " << text.windows << " windows of "
              << text.window << "\n";
  if (!calibration.runModel || !result.whyNotCalibrated.empty()) return;
  std::error_code ignored;
  const bool isSame = std::filesystem::equivalent(calibration.textFile, text.name, ignored);
  std::cout << "Calibrated on " << calibration.textFile.string()
            << (isSame ? ", which is also the evaluation text: the figures look better than they are\n"
                       : ", which is not the evaluation text\n");
}

// Runs afresh in a folder of its own, so that the seconds are those of this comparison.
ComparisonResult compareAfresh(const CompareOptions& options, const std::shared_ptr<const Checkpoint>& model,
                               const ComparisonRequest& request, const RunContext& context) {
  const TemporaryFolder own(findRunsFolder());
  return compareMethods(model, request, options.resume ? findRunsFolder() : own.path(), context);
}

void compare(const CompareOptions& options, const Environment& environment) {
  const std::vector<ComparedMethod> methods = methodsOf(options);
  requireKnownOptions(options, methods);
  requireOutputs(options);
  requireInputs(options);
  const std::shared_ptr<const Checkpoint> model = openModel(options.model, environment.executableFolder);
  requireOutsideModel(outputsOf(options), *model);
  ComparisonRequest request{.methods = methods,
                            .base = baseOf(options, methods, *model, environment),
                            .windows = {.window = options.window, .maxWindows = options.windows}};
  request.evaluationText = readText(
      options.text.empty() ? builtInEvaluationText(environment.executableFolder) : std::filesystem::path(options.text),
      contextOf(environment, options.common));
  requireLayers(options, *model, request.base);
  RequestOptions::requireSequentialUse(request.base);
  requireWindows(options, model, request, contextOf(environment, options.common));
  Progress progress;
  ComparisonResult result;
  {
    const ProgressBar bar(progress, options.common.progress);
    result = compareAfresh(options, model, request, contextOf(environment, options.common, &progress));
  }
  writeTables(options, result.rows);
  if (options.common.json)
    printJson(compareReportJson(options.model, result).dump(2));
  else
    printTable(result, request.base.calibration);
  std::size_t failed = 0;
  for (const ComparisonRow& row : result.rows) {
    if (!row.error.empty()) printNote(row.method + ": " + row.error);
    failed += row.status == RowStatus::Failed ? 1U : 0U;
  }
  if (failed == result.rows.size()) throw failedError("compare", "none of the methods could be compared");
}

}  // namespace

void addCompareCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("compare", "Compare methods on a model: size, perplexity, divergence, speed");
  const auto options = std::make_shared<CompareOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("MODEL", options->model, "Model folder or file, or \"demo\"")->required();
  command->add_option(
      "--methods", options->methods,
      "Methods, with commas between them; fp16 is the unquantized model, the others are those of `methods`");
  command->add_option("--text", options->text, "Evaluation text (default: the built-in one)");
  command->add_option("--calibration-text", options->calibrationText, "Calibration text (default: the built-in one)");
  command->add_option("--training-text", options->trainingText,
                      "Text for methods that train the model (default: the built-in one)");
  addCount(*command, "--window", options->window, "Tokens of an evaluation window");
  addCount(*command, "--windows", options->windows, "Evaluation windows");
  command->add_option("--csv", options->csv, "Write the table as CSV");
  command->add_option("--markdown", options->markdown, "Write the table as Markdown");
  command->add_flag("--resume", options->resume, "Take finished layers from an earlier identical run");
  command->add_flag("--force", options->force, "Replace files of --csv and --markdown that are no such tables");
  options->request.addTo(*command);
  command->callback(
      [&action, options] { action = [options](const Environment& environment) { compare(*options, environment); }; });
}

}  // namespace qs::cli
