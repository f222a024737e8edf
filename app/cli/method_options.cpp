#include "app/cli/method_options.h"

#include <algorithm>
#include <set>

#include "app/cli/whole_number.h"
#include "core/base/error.h"
#include "core/model/architecture_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/quant/method_registry.h"
#include "core/quant/training_start.h"

namespace qs::cli {

namespace {

std::string hyphened(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

bool isSwitchInAll(const std::string& key) {
  return std::all_of(allMethods().begin(), allMethods().end(), [&key](const MethodInfo& method) {
    const ParamSpec* spec = method.parameter(key);
    return spec == nullptr || spec->kind == ParamKind::Switch;
  });
}

bool takes(const ParamSpec& spec, const std::string& text) {
  try {
    static_cast<void>(parseParamValue(spec, text));
    return true;
  } catch (const Error&) {
    return false;
  }
}

// A value that other methods take and this one doesn't: INT8 has 8 bits only, when all methods are compared at 4.
bool onlyOthersTake(const ParamSpec& spec, const std::string& text) {
  if (takes(spec, text)) return false;
  return std::any_of(allMethods().begin(), allMethods().end(), [&](const MethodInfo& method) {
    const ParamSpec* other = method.parameter(spec.key);
    return other != nullptr && takes(*other, text);
  });
}

bool needsCalibration(const QuantRequest& request) {
  return qs::needsCalibration(requireMethod(request.method), request.settings) ||
         std::any_of(request.overrides.begin(), request.overrides.end(), [](const LayerOverride& change) {
           return !change.method.empty() && requireMethod(change.method).needsCalibration;
         });
}

bool canRun(const Checkpoint& model) {
  if (!tryArchitecture(model)) return false;
  try {
    static_cast<void>(loadTokenizer(model));
    return true;
  } catch (const Error&) {
    return false;
  }
}

// What may follow the "=" of a switch.
CLI::Validator switchValue() {
  return {[](const std::string& text) {
            static const std::set<std::string> known{"true", "false", "1", "0", "yes", "no", "on", "off"};
            const bool isKnown = known.contains(CLI::detail::to_lower(text));
            return isKnown ? std::string() : "expected true or false, got '" + text + "'";
          },
          ""};
}

bool isTaken(CLI::App& command, const std::string& option) { return command.get_option_no_throw(option) != nullptr; }

}  // namespace

void MethodOptions::addFlag(CLI::App& command, const std::string& name, const std::string& key, bool meaning,
                            const std::string& help) {
  command
      .add_flag_function(
          name, [this, key, meaning](std::int64_t count) { m_given[key] = (count > 0) == meaning ? "true" : "false"; },
          help)
      ->check(switchValue())
      ->trigger_on_parse()  // in the order in which --x and --no-x are given
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->group("Method");
}

void MethodOptions::addSwitch(CLI::App& command, const ParamSpec& spec) {
  const std::string option = hyphened(spec.key);
  addFlag(command, "--" + option, spec.key, true, spec.help);
  addFlag(command, "--no-" + option, spec.key, false, "The opposite of --" + option);
  if (spec.key == "symmetric") addFlag(command, "--asymmetric", spec.key, false, "The same as --no-symmetric");
}

void MethodOptions::addTo(CLI::App& command) {
  for (const MethodInfo& method : allMethods()) {
    for (const ParamSpec& spec : method.parameters) {
      const std::string option = "--" + hyphened(spec.key);
      if (isTaken(command, option)) continue;
      if (isSwitchInAll(spec.key)) {
        addSwitch(command, spec);
        continue;
      }
      command
          .add_option_function<std::string>(
              option, [this, key = spec.key](const std::string& value) { m_given[key] = value; }, spec.help)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
          ->group("Method");
    }
  }
}

const std::map<std::string, std::string>& MethodOptions::given() const { return m_given; }

Settings MethodOptions::settingsFor(const MethodInfo& method, bool ignoreUnknown) const {
  Settings settings;
  for (const auto& [key, value] : m_given) {
    const ParamSpec* spec = method.parameter(key);
    if (spec != nullptr && ignoreUnknown && onlyOthersTake(*spec, value)) continue;
    if (spec != nullptr)
      settings.set(key, parseParamValue(*spec, value));
    else if (!ignoreUnknown)
      throw requestError("--" + hyphened(key), "method '" + method.id + "' has no such option");
  }
  return settings;
}

void RequestOptions::addTo(CLI::App& command) {
  command.add_option("--layers", layers, "Glob on layer names to quantize; repeatable (default: all quantizable)")
      ->allow_extra_args(false);
  command
      .add_option("--override", overrides,
                  "'GLOB:bits=8,group_size=64' or 'GLOB:skip'; repeatable, the last match wins")
      ->allow_extra_args(false);
  command.add_option("--share-input", shareInput, "Glob naming layers that read the same input; repeatable")
      ->allow_extra_args(false);
  command.add_option("--recipe", recipe, "JSON file with method, settings and overrides");
  command.add_option("--calibration", calibration, "Activations file as `calibrate` writes it");
  command.add_option("--hold-out", holdOut, "Keep every Nth calibration row out and report its error (0: none)")
      ->transform(wholeNumber(0, 1'000'000'000));
  command.add_flag("--sequential", sequential,
                   "Calibrate each layer on what the quantized layers before it give (when the model is run)");
  parameters.addTo(command);
}

void RequestOptions::applyTo(QuantRequest& request) const {
  request.layers.include = layers;
  request.shareInput = shareInput;
  request.calibration.activationsFile = calibration;
  request.calibration.holdOutEvery = holdOut;
  request.calibration.sequential = sequential;
}

void RequestOptions::requireMatches(const Checkpoint& model, const QuantRequest& request) const {
  std::vector<std::string> globs;
  for (std::size_t i = request.overrides.size() - overrides.size(); i < request.overrides.size(); ++i)
    globs.push_back(request.overrides[i].glob);
  requireEveryGlobMatches(model, "--layers", layers);
  requireEveryGlobMatches(model, "--override", globs);
  requireEveryGlobMatches(model, "--share-input", shareInput);
}

void RequestOptions::requireSequentialUse(const QuantRequest& request) {
  if (!request.calibration.sequential || request.calibration.runModel) return;
  throw requestError("--sequential",
                     request.calibration.activationsFile.empty()
                         ? "nothing is calibrated by running the model: method '" + request.method +
                               "' needs no calibration and no calibration text is given"
                         : "calibrates by running the model; --calibration gives the unquantized model's inputs");
}

void RequestOptions::chooseCalibration(const Checkpoint& model, const std::string& text,
                                       const std::filesystem::path& builtIn, QuantRequest& request) const {
  if (!calibration.empty()) return;
  const bool isAsked = !text.empty();
  if (!isAsked && !(needsCalibration(request) && canRun(model))) return;
  request.calibration.runModel = true;
  request.calibration.textFile = isAsked ? std::filesystem::path(text) : builtIn;
}

}  // namespace qs::cli
