#include "core/session/command_line.h"

#include <algorithm>

#include "core/quant/method_registry.h"
#include "core/session/recipe.h"

namespace qs {

namespace {

std::string optionName(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

// --bits 4, --clip-search, --no-clip-search; symmetric has a second name instead of --no-symmetric.
void appendSetting(std::string& command, const std::string& key, const ParamValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) {
    if (key == "symmetric")
      command += *flag ? " --symmetric" : " --asymmetric";
    else
      command += (*flag ? " --" : " --no-") + optionName(key);
    return;
  }
  command += " --" + optionName(key) + " " + shellQuoted(toText(value));
}

void appendOption(std::string& command, const std::string& option, const std::string& value) {
  if (!value.empty()) command += " " + option + " " + shellQuoted(value);
}

// A path or pattern that begins with a hyphen would be taken for an option.
std::string asPath(const std::string& path) { return path.starts_with('-') ? "./" + path : path; }

// The command line has no way to leave layers out but to skip them.
void appendExcluded(std::string& command, const std::vector<std::string>& globs) {
  for (const std::string& glob : globs) appendOption(command, "--override", glob + ":skip");
}

}  // namespace

std::string shellQuoted(const std::string& word) {
  static constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!word.empty() && word.find_first_not_of(kSafe) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string commandLineOf(const std::string& model, const QuantRequest& request, const std::string& format,
                          const std::string& out) {
  std::string command = "quantscope-cli quantize " + shellQuoted(asPath(model)) + " --method " + request.method;
  for (const auto& [key, value] : request.settings.values()) appendSetting(command, key, value);
  for (const std::string& glob : request.layers.include) appendOption(command, "--layers", glob);
  for (const LayerOverride& change : request.overrides) appendOption(command, "--override", toText(change));
  appendExcluded(command, request.layers.exclude);
  for (const std::string& glob : request.shareInput) appendOption(command, "--share-input", glob);
  appendOption(command, "--calibration", request.calibration.activationsFile.string());
  if (request.calibration.runModel) appendOption(command, "--text", request.calibration.textFile.string());
  if (request.calibration.runModel && request.calibration.sequential) command += " --sequential";
  appendOption(command, "--training-text", request.trainingText.string());
  if (request.calibration.holdOutEvery > 0)
    appendOption(command, "--hold-out", std::to_string(request.calibration.holdOutEvery));
  if (request.seed != 0) appendOption(command, "--seed", std::to_string(request.seed));
  appendOption(command, "--format", format);
  appendOption(command, "--out", asPath(out));
  return command;
}

}  // namespace qs
