#include <array>
#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/output_checks.h"
#include "app/cli/progress_bar.h"
#include "core/base/error.h"
#include "core/session/demo_model.h"
#include "core/session/write_activations.h"

namespace qs::cli {

namespace {

constexpr std::size_t kDefaultTokens = 4096;  // the file holds every layer's inputs: it grows fast

struct CalibrateOptions {
  CommonOptions common;
  std::string model;
  std::string text;
  std::string out;
  std::size_t windows = 0;
  std::size_t window = 0;
  bool force = false;
};

TokenWindows chooseWindows(const CalibrateOptions& options, const RunnableModel& model,
                           const Environment& environment) {
  const std::filesystem::path text =
      options.text.empty() ? builtInCalibrationText(environment.executableFolder) : std::filesystem::path(options.text);
  const RunContext context = contextOf(environment, options.common);
  const TokenWindows all =
      windowsOf(model, readText(text, context), {.window = options.window, .maxWindows = options.windows}, context);
  const std::size_t most = std::max<std::size_t>(1, kDefaultTokens / all.windowSize);
  return options.windows == 0 && all.count() > most ? all.slice(0, most) : all;
}

void calibrate(const CalibrateOptions& options, const Environment& environment) {
  const std::array outputs{NamedPath{"--out", options.out}};
  const std::array inputs{NamedPath{"--text", options.text}};
  requireSuffix(options.out, ".safetensors", "calibrate");
  requireSeparateFiles(outputs, inputs);
  requireWritableFile(options.out);
  if (std::filesystem::exists(options.out) && !options.force)
    throw requestError(options.out, "exists already; --force replaces it");
  const RunnableModel model = makeRunnable(openModel(options.model, environment.executableFolder));
  requireOutsideModel(outputs, *model.checkpoint);
  const TokenWindows windows = chooseWindows(options, model, environment);
  Progress progress;
  {
    const ProgressBar bar(progress, options.common.progress);
    writeActivations(model, windows, options.out, options.force, contextOf(environment, options.common, &progress));
  }
  warnWithoutSuffix(options.out, ".safetensors");
  if (options.common.json)
    printJson(nlohmann::ordered_json{{"model", options.model},
                                     {"out", options.out},
                                     {"windows", windows.count()},
                                     {"window", windows.windowSize},
                                     {"tokens", windows.inputs.size()}}
                  .dump(2));
  else
    std::cout << windows.inputs.size() << " tokens in " << windows.count() << " windows of " << windows.windowSize
              << ", written to " << options.out << "\n";
}

}  // namespace

void addCalibrateCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("calibrate", "Run a model over text and save every linear layer's input");
  const auto options = std::make_shared<CalibrateOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("MODEL", options->model, "Model folder or file, or \"demo\"")->required();
  command->add_option("--text", options->text, "Text, UTF-8 (default: the built-in calibration text)");
  addCount(*command, "--windows", options->windows, "Windows (default: as many as make 4,096 tokens)");
  addCount(*command, "--window", options->window, "Tokens of a window (default: what fits, at most 2,048)");
  command->add_option("--out", options->out, "Activations file to write")->required();
  command->add_flag("--force", options->force, "Replace an output that exists");
  command->callback(
      [&action, options] { action = [options](const Environment& environment) { calibrate(*options, environment); }; });
}

}  // namespace qs::cli
