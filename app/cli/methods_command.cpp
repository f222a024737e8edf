#include <cmath>
#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "core/quant/method_registry.h"
#include "core/session/settings_json.h"

namespace qs::cli {

namespace {

using nlohmann::ordered_json;

ordered_json parameterJson(const ParamSpec& spec) {
  const bool hasRange = spec.kind == ParamKind::Integer || spec.kind == ParamKind::Real;
  ordered_json choices = ordered_json::array();
  for (const ParamChoice& choice : spec.choices) choices.push_back(choice.value);
  ordered_json json{{"key", spec.key}, {"label", spec.label}, {"kind", name(spec.kind)}};
  json["minimum"] = hasRange ? ordered_json(spec.minimum) : ordered_json(nullptr);
  json["maximum"] = hasRange ? ordered_json(spec.maximum) : ordered_json(nullptr);
  if (spec.kind == ParamKind::Integer) {
    json["minimum"] = static_cast<std::int64_t>(spec.minimum);
    json["maximum"] = static_cast<std::int64_t>(spec.maximum);
  }
  json["choices"] = std::move(choices);
  json["default"] = toJson(spec.defaultValue);
  json["help"] = spec.help;
  json["advanced"] = spec.advanced;
  json["introductory"] = spec.introductory;
  return json;
}

ordered_json methodJson(const MethodInfo& method) {
  ordered_json parameters = ordered_json::array();
  for (const ParamSpec& spec : method.parameters) parameters.push_back(parameterJson(spec));
  ordered_json needs = ordered_json::array();
  if (method.needsCalibration) needs.push_back("calibration");
  if (method.trainsModel) needs.push_back("training text");
  return {{"id", method.id},         {"name", method.name},       {"summary", method.summary},
          {"source", method.source}, {"needs", std::move(needs)}, {"parameters", std::move(parameters)}};
}

// Whole numbers whole, the others as short as they can be.
std::string numberText(double number) {
  const bool isWhole = std::trunc(number) == number && std::abs(number) < 1e15;
  return isWhole ? std::to_string(static_cast<std::int64_t>(number)) : toText(ParamValue(number));
}

std::string rangeText(const ParamSpec& spec) {
  if (spec.kind == ParamKind::Switch) return "on or off";
  if (spec.kind == ParamKind::Choice) {
    std::string text;
    for (const ParamChoice& choice : spec.choices) text += (text.empty() ? "" : ", ") + choice.value;
    return text;
  }
  return numberText(spec.minimum) + " to " + numberText(spec.maximum);
}

std::string optionOf(const std::string& key) {
  std::string option = "--" + key;
  for (char& c : option)
    if (c == '_') c = '-';
  return option;
}

void printMethods() {
  for (const MethodInfo& method : allMethods()) {
    std::cout << method.id << "  " << method.name << (method.needsCalibration ? " (needs calibration)" : "") << "\n    "
              << method.summary << "\n";
    for (const ParamSpec& spec : method.parameters)
      std::cout << "    " << optionOf(spec.key) << "  " << rangeText(spec) << "; default " << toText(spec.defaultValue)
                << "\n        " << spec.help << "\n";
  }
}

}  // namespace

void addMethodsCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("methods", "List every method with its parameters");
  const auto options = std::make_shared<CommonOptions>();
  addCommonOptions(*command, *options);
  command->callback([&action, options] {
    action = [options](const Environment&) {
      if (!options->json) return printMethods();
      ordered_json list = ordered_json::array();
      for (const MethodInfo& method : allMethods()) list.push_back(methodJson(method));
      printJson(list.dump(2));
    };
  });
}

}  // namespace qs::cli
