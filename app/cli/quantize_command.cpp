#include <array>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/earlier_output.h"
#include "app/cli/method_options.h"
#include "app/cli/output_checks.h"
#include "app/cli/printable.h"
#include "app/cli/private_store.h"
#include "app/cli/progress_bar.h"
#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/exporters/gguf/gguf_type_choice.h"
#include "core/exporters/reports/run_report_json.h"
#include "core/exporters/reports/text_table.h"
#include "core/quant/method_registry.h"
#include "core/session/atomic_file.h"
#include "core/session/demo_model.h"
#include "core/session/model_training.h"
#include "core/session/recipe.h"
#include "core/session/run_groups.h"
#include "core/session/run_quantization.h"
#include "core/session/stopped_training.h"
#include "core/session/trained_checkpoint.h"

namespace qs::cli {

namespace {

struct QuantizeOptionsGiven {
  CommonOptions common;
  RequestOptions request;
  std::string model;
  std::string method;
  std::string format = "safetensors";
  std::string out;
  std::string report;
  std::string ggufType;
  std::string gptqVersion;
  std::string dtype;
  double shardGigabytes = 5;
  std::string text;
  std::string trainingText;
  bool force = false;
  bool resume = false;
  bool bestSoFar = false;
};

// CLI::Range takes "nan".
CLI::Validator finiteNumber() {
  return {[](const std::string& text) {
            const bool isFinite = std::isfinite(std::strtod(text.c_str(), nullptr));
            return isFinite ? std::string() : "expected a number, got '" + text + "'";
          },
          ""};
}

// The ids of a registry, with commas between them.
template <typename Entries>
std::string idsOf(const Entries& entries) {
  std::string list;
  for (const auto& entry : entries) list.append(list.empty() ? "" : ", ").append(entry.id);
  return list;
}

// The recipe first; what the command line says itself goes over it.
QuantRequest requestOf(const QuantizeOptionsGiven& given) {
  QuantRequest request;
  request.method.clear();
  if (!given.request.recipe.empty()) applyRecipe(readRecipe(given.request.recipe), request);
  if (!given.method.empty() && given.method != request.method) {
    request.method = given.method;
    request.settings = Settings();
  }
  if (request.method.empty()) throw requestError("quantize", "needs --method or --recipe");
  const MethodInfo& method = requireMethod(request.method);
  const Settings settings = given.request.parameters.settingsFor(method, false);
  for (const auto& [key, value] : settings.values()) request.settings.set(key, value);
  for (const std::string& text : given.request.overrides)
    request.overrides.push_back(parseOverride(text, request.method));
  given.request.applyTo(request);
  request.seed = given.common.seed;
  return request;
}

// A method that trains the model takes --training-text, or else --text, to train on; what is left of --text, or the
// built-in text, calibrates the method that it starts from.
void chooseTexts(const QuantizeOptionsGiven& given, const Checkpoint& model, const Environment& environment,
                 QuantRequest& request) {
  const bool trains = trainsModel(request);
  const std::filesystem::path builtIn = builtInCalibrationText(environment.executableFolder);
  const bool calibrates = !trains || !given.trainingText.empty();
  given.request.chooseCalibration(model, calibrates ? given.text : std::string(), builtIn, request);
  if (!trains) return;
  const std::string& own = given.trainingText.empty() ? given.text : given.trainingText;
  request.trainingText = own.empty() ? builtInTrainingText(environment.executableFolder) : std::filesystem::path(own);
}

ExportOptions exportOptionsOf(const QuantizeOptionsGiven& given) {
  ExportOptions options{.path = given.out, .replace = given.force};
  options.shardBytes = static_cast<std::uint64_t>(given.shardGigabytes * 1e9);
  const auto add = [&options](const char* key, const std::string& value) {
    if (!value.empty()) options.extra[key] = value;
  };
  add("gguf_type", given.ggufType);
  add("gptq_version", given.gptqVersion);
  add("dtype", given.dtype);
  return options;
}

// An option of one format has no effect with another.
void requireFormatOptions(const QuantizeOptionsGiven& given) {
  const auto require = [&given](const char* option, const std::string& value, const char* format) {
    if (!value.empty() && given.format != format)
      throw requestError(option,
                         std::string("is for --format ") + format + " and has no effect with --format " + given.format);
  };
  require("--gguf-type", given.ggufType, "gguf");
  require("--gptq-version", given.gptqVersion, "gptq");
  require("--dtype", given.dtype, "dequantized");
}

void requireOutputs(const QuantizeOptionsGiven& given, const Checkpoint& model, const ExporterInfo& exporter) {
  const std::array outputs{NamedPath{"--out", given.out},
                           NamedPath{"--report", given.report, isEarlierReport(given.report)}};
  const std::array inputs{NamedPath{"--text", given.text}, NamedPath{"--training-text", given.trainingText},
                          NamedPath{"--calibration", given.request.calibration},
                          NamedPath{"--recipe", given.request.recipe}};
  requireOutsideModel(outputs, model);
  requireSeparateFiles(outputs, inputs);
  requireWritableOutput(given.out, exporter, given.force);
  requireWritableExtra(outputs[1], given.force);
}

// Everything that can go wrong is asked for before the work begins.
void preflight(const QuantizeOptionsGiven& given, const Checkpoint& model, const QuantRequest& request,
               const ExporterInfo& exporter) {
  given.request.requireMatches(model, request);
  RequestOptions::requireSequentialUse(request);
  static_cast<void>(planGroups(model, request));
  requireOutputs(given, model, exporter);
  if (!exporter.preflight) return;
  for (const PreflightFinding& finding : exporter.preflight(model, request, exportOptionsOf(given))) {
    const std::string where = finding.layer.empty() ? "" : "layer '" + finding.layer + "': ";
    if (finding.blocking) throw requestError("--format " + exporter.id, where + finding.message);
    printNote("warning: " + where + finding.message);
  }
}

// Each note once, with the first layer that it is about.
void printNotes(const QuantReport& report) {
  std::map<std::string, std::vector<std::string>> layersByNote;
  for (const LayerReportPtr& layer : report.layers)
    for (const std::string& note : layer->notes) layersByNote[note].push_back(layer->name);
  for (const auto& [note, layers] : layersByNote) {
    const std::string more = layers.size() > 1 ? " and " + std::to_string(layers.size() - 1) + " more" : "";
    printNote("layer '" + layers.front() + "'" + more + ": " + note);
  }
}

// What was asked of the calibration and nothing came of.
void printCalibrationWarnings(const RequestOptions& options, const std::vector<LayerReportPtr>& layers) {
  std::vector<std::string> without;
  bool isHeldOut = false;
  for (const LayerReportPtr& layer : layers) {
    if (layer->inputMeanSquares.empty()) without.push_back(layer->name);
    isHeldOut = isHeldOut || layer->metrics.heldOutOutputRelativeError.has_value();
  }
  if (!options.calibration.empty() && !without.empty())
    printNote("warning: " + options.calibration + ": has no inputs of " + std::to_string(without.size()) +
              " layers, whose output errors aren't measured; the first is '" + without.front() + "'");
  if (options.holdOut > 0 && !isHeldOut)
    printNote("warning: --hold-out " + std::to_string(options.holdOut) + ": no row is held out: " +
              (without.size() == layers.size() ? "there are no calibration inputs" : "the calibration has fewer rows"));
}

// Layers whose figures the format changes are reported as they stand in the file.
void takeRemade(const ExportResult& result, QuantReport& report) {
  for (const LayerReportPtr& remade : result.remade)
    for (LayerReportPtr& layer : report.layers)
      if (layer->name == remade->name) layer = remade;
  if (!result.remade.empty()) report.total = totalOf(report.layers);
}

nlohmann::ordered_json exportResultJson(const ExportResult& result, const std::string& out, const std::string& format) {
  return {{"path", out},
          {"format", format},
          {"bytes", result.bytes},
          {"tensors_compared", result.tensors},
          {"values_compared", result.values},
          {"values_different", 0},  // else it had failed
          {"notes", result.notes}};
}

void printExport(const ExportResult& result, const std::string& out) {
  std::cout << "written to " << printable(out) << " (" << result.bytes << " bytes)\nread back: " << result.tensors
            << " tensors, " << result.values << " values, none differs from what was promised\n";
  for (const std::string& note : result.notes) std::cout << printable(note) << "\n";
}

void printSummary(const QuantReport& report) {
  TextTable table{.header = {"layer", "shape", "bits/weight", "SQNR dB", "weight error", "output error"}};
  for (const LayerReportPtr& layer : report.layers) {
    const LayerMetrics& metrics = layer->metrics;
    table.rows.push_back({printable(layer->name),
                          std::to_string(layer->shape[0]) + "x" + std::to_string(layer->shape[1]),
                          roundedText(layer->bitsPerWeight, 4), roundedText(metrics.weightSqnrDb, 4),
                          roundedText(metrics.weightRelativeError, 3),
                          metrics.outputRelativeError ? roundedText(*metrics.outputRelativeError, 3) : "-"});
  }
  const ReportTotal& total = report.total;
  std::cout << table.toPlainText() << "\n"
            << report.layers.size() << " layers, " << total.parameters << " weights: " << total.originalBytes << " -> "
            << total.quantizedBytes << " bytes, " << roundedText(total.bitsPerWeight, 5) << " bits per weight, "
            << roundedText(total.seconds, 3) << " s\n";
}

struct Run {
  QuantReport report;
  RunStore store;
};

// Quantizes, or makes a finished run of what an interrupted training had reached.
Run run(const QuantizeOptionsGiven& given, const Checkpoint& model, const QuantRequest& request, RunStore& store,
        RunningExport* running, const RunContext& context) {
  if (given.bestSoFar) {
    std::optional<StoppedTraining> stopped = convertStopped(model, request, store, context);
    if (!stopped) throw failedError("--best-so-far", "there is no interrupted training of this command to take it of");
    return {*stopped->report, *stopped->store};
  }
  try {
    RunObservers observers;
    if (running != nullptr)
      observers.quantized = [running](const std::string& layer, const QuantizedTensor& tensor) {
        running->take(layer, tensor);
      };
    return {runQuantization(model, request, store, context, observers), store};
  } catch (const Cancelled&) {
    if (std::filesystem::exists(store.trainingFile()))
      printNote("--resume goes on with the training, --resume --best-so-far exports the best step it had come to");
    throw;
  }
}

void quantize(const QuantizeOptionsGiven& given, const Environment& environment) {
  if (given.out.empty()) throw requestError("quantize", "needs --out");
  if (given.bestSoFar && !given.resume)
    throw requestError("--best-so-far", "takes what an interrupted training had reached: give --resume too");
  const ExporterInfo& exporter = requireExporter(given.format);
  requireFormatOptions(given);
  QuantRequest request = requestOf(given);
  const std::shared_ptr<const Checkpoint> model = openModel(given.model, environment.executableFolder);
  request.scaleType = scaleTypeFor(exporter, *model);
  chooseTexts(given, *model, environment, request);
  validateRequest(request);
  for (const std::string& warning : model->contents().warnings) printNote("warning: " + warning);
  preflight(given, *model, request, exporter);
  Progress progress;
  const RunContext context = contextOf(environment, given.common, &progress);
  if (trainsModel(request)) printNote(trainingPreflight(*model, request, context));
  QuantReport report;
  ExportResult result;
  PrivateStore own(findRunsFolder(), *model, request, given.resume);
  {
    const ProgressBar bar(progress, given.common.progress);
    const ExportOptions options = exportOptionsOf(given);
    std::unique_ptr<RunningExport> running;
    if (exporter.begin) running = exporter.begin(*model, request, own.store(), options, context);
    Run done = run(given, *model, request, own.store(), running.get(), context);
    report = std::move(done.report);
    report.model = given.model;
    if (report.total.failedLayers == 0) {
      const std::shared_ptr<const Checkpoint> trained = withTrainedVectors(model, done.store);
      const ExportSource source{*trained, request, report, done.store};
      result = running ? running->finish(source) : exporter.write(source, options, context);
    }
  }
  const std::vector<LayerReportPtr> layers = report.layers;
  takeRemade(result, report);
  nlohmann::ordered_json json = runReportJson(report);
  if (report.total.failedLayers == 0) json["export"] = exportResultJson(result, given.out, exporter.id);
  const std::string document = json.dump(2);
  if (!given.report.empty()) writeFileAtomically(given.report, document + "\n");
  requireAllLayers(report);
  printNotes(report);
  printCalibrationWarnings(given.request, layers);
  warnWithoutSuffix(given.out, exporter.suffix);
  if (given.common.json) {
    printJson(document);
  } else {
    printSummary(report);
    printExport(result, given.out);
  }
}

}  // namespace

void addQuantizeCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("quantize", "Quantize every layer of a model and export it");
  const auto given = std::make_shared<QuantizeOptionsGiven>();
  addCommonOptions(*command, given->common);
  command->add_option("MODEL", given->model, "Model folder or file, or \"demo\"")->required();
  command->add_option("--method", given->method,
                      "Method, with its parameters as `methods` lists them: " + idsOf(allMethods()));
  command->add_option("--format", given->format, "Output format: " + idsOf(allExporters()))->capture_default_str();
  command->add_option("--out", given->out, "Output file, or folder for the multi-file formats");
  command->add_option("--report", given->report, "Write the run's report to this JSON file");
  command->add_option(
      "--gguf-type", given->ggufType,
      "For --format gguf: tensor type (default: the one that holds the scheme exactly): " + idsOf(ggufTypeChoices()));
  command
      ->add_option(
          "--gptq-version", given->gptqVersion,
          "For --format gptq: v1 (symmetric layers), v2, or auto (v1 unless a zero point is 0, which only v2 holds)")
      ->check(CLI::IsMember({"auto", "v1", "v2"}));
  command->add_option("--dtype", given->dtype, "For --format dequantized: f32 (default), f16 or bf16")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  command->add_option("--shard-size", given->shardGigabytes, "Largest file of a model folder, in GB")
      ->capture_default_str()
      ->check(CLI::Range(1e-6, 1e6))
      ->check(finiteNumber());
  command->add_option("--text", given->text,
                      "Text that the model is run over for calibration, or trained on (default: the built-in texts)");
  command->add_option("--training-text", given->trainingText,
                      "Text for methods that train the model (default: --text, or else the built-in one)");
  command->add_flag("--force", given->force, "Replace an output that exists");
  command->add_flag("--resume", given->resume, "Continue an interrupted run");
  command->add_flag("--best-so-far", given->bestSoFar,
                    "With --resume: don't train on, export the best step that an interrupted training had come to");
  given->request.addTo(*command);
  command->callback(
      [&action, given] { action = [given](const Environment& environment) { quantize(*given, environment); }; });
}

}  // namespace qs::cli
