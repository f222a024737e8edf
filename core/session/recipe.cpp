#include "core/session/recipe.h"

#include <algorithm>
#include <sstream>

#include "core/base/error.h"
#include "core/quant/method_registry.h"
#include "core/session/atomic_file.h"
#include "core/session/settings_json.h"

namespace qs {

namespace {

const nlohmann::json& member(const nlohmann::json& object, const std::string& key, nlohmann::json::value_t type,
                             const std::string& file) {
  const auto found = object.find(key);
  if (found == object.end()) throw inputError(file, "recipe: '" + key + "' is missing");
  if (found->type() != type)
    throw mismatchError(file, "recipe: '" + key + "'", nlohmann::json(type).type_name(), found->type_name());
  return *found;
}

std::string textMember(const nlohmann::json& object, const std::string& key, const std::string& file) {
  return member(object, key, nlohmann::json::value_t::string, file).get<std::string>();
}

void refuseUnknownKeys(const nlohmann::json& object, std::initializer_list<std::string_view> known,
                       const std::string& file) {
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw inputError(file, "recipe: unknown field '" + key + "'");
}

LayerOverride overrideFromJson(const nlohmann::json& json, const std::string& file) {
  if (!json.is_object()) throw inputError(file, "recipe: every override is an object");
  refuseUnknownKeys(json, {"layers", "method", "settings", "skip"}, file);
  LayerOverride change;
  change.glob = textMember(json, "layers", file);
  if (json.contains("method")) change.method = textMember(json, "method", file);
  if (json.contains("settings")) change.settings = settingsFromJson(json["settings"], file);
  if (json.contains("skip")) {
    if (!json["skip"].is_boolean()) throw inputError(file, "recipe: 'skip' is true or false");
    change.skip = json["skip"].get<bool>();
  }
  return change;
}

std::string withUnderscores(std::string key) {
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::vector<std::string> splitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

using Assignment = std::pair<std::string, std::string>;

std::vector<Assignment> parseAssignments(const std::string& text, const std::string& subject) {
  std::vector<Assignment> assignments;
  for (const std::string& part : splitAtCommas(text)) {
    const std::size_t equals = part.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw requestError(subject, "expected key=value or skip, got '" + part + "'");
    assignments.emplace_back(withUnderscores(part.substr(0, equals)), part.substr(equals + 1));
  }
  if (assignments.empty()) throw requestError(subject, "says nothing of its layers; expected key=value or skip");
  return assignments;
}

}  // namespace

nlohmann::json toJson(const Recipe& recipe) {
  nlohmann::json overrides = nlohmann::json::array();
  for (const LayerOverride& change : recipe.overrides) {
    nlohmann::json entry{{"layers", change.glob}};
    if (!change.method.empty()) entry["method"] = change.method;
    if (!change.settings.values().empty()) entry["settings"] = toJson(change.settings);
    if (change.skip) entry["skip"] = true;
    overrides.push_back(std::move(entry));
  }
  return {{"method", recipe.method}, {"settings", toJson(recipe.settings)}, {"overrides", std::move(overrides)}};
}

Recipe parseRecipe(const std::string& text, const std::string& file) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) throw inputError(file, "is no recipe: expected a JSON object");
  refuseUnknownKeys(json, {"method", "settings", "overrides"}, file);
  Recipe recipe;
  recipe.method = textMember(json, "method", file);
  if (json.contains("settings")) recipe.settings = settingsFromJson(json["settings"], file);
  if (json.contains("overrides"))
    for (const nlohmann::json& entry : member(json, "overrides", nlohmann::json::value_t::array, file))
      recipe.overrides.push_back(overrideFromJson(entry, file));
  return recipe;
}

Recipe readRecipe(const std::filesystem::path& path) { return parseRecipe(readWholeFile(path), path.string()); }

void writeRecipe(const Recipe& recipe, const std::filesystem::path& path) {
  writeFileAtomically(path, toJson(recipe).dump(2) + "\n");
}

Recipe recipeOf(const QuantRequest& request) { return {request.method, request.settings, request.overrides}; }

void applyRecipe(const Recipe& recipe, QuantRequest& request) {
  request.method = recipe.method;
  request.settings = recipe.settings;
  request.overrides = recipe.overrides;
}

LayerOverride parseOverride(const std::string& text, const std::string& method) {
  const std::string subject = "override '" + text + "'";
  const std::size_t colon = text.rfind(':');
  if (colon == 0 || colon == std::string::npos) throw requestError(subject, "expected GLOB:key=value,… or GLOB:skip");
  LayerOverride change{.glob = text.substr(0, colon)};
  const std::string rest = text.substr(colon + 1);
  if (rest == "skip") {
    change.skip = true;
    return change;
  }
  const std::vector<Assignment> assignments = parseAssignments(rest, subject);
  for (const auto& [key, value] : assignments)
    if (key == "method") change.method = value;
  const MethodInfo& info = requireMethod(change.method.empty() ? method : change.method);
  for (const auto& [key, value] : assignments) {
    if (key == "method") continue;
    const ParamSpec* spec = info.parameter(key);
    if (spec == nullptr) throw requestError(subject, "method '" + info.id + "' has no setting '" + key + "'");
    change.settings.set(key, parseParamValue(*spec, value));
  }
  return change;
}

std::string toText(const LayerOverride& change) {
  if (change.skip) return change.glob + ":skip";
  std::string text = change.glob + ":";
  std::string comma;
  if (!change.method.empty()) {
    text += "method=" + change.method;
    comma = ",";
  }
  for (const auto& [key, value] : change.settings.values()) {
    text += comma + key + "=" + toText(value);
    comma = ",";
  }
  return text;
}

}  // namespace qs
