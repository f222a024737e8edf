#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "core/session/quant_request.h"

namespace qs {

/// What a recipe file holds: a method, its settings and the overrides.
struct Recipe {
  std::string method;
  Settings settings;
  std::vector<LayerOverride> overrides;
  bool operator==(const Recipe&) const = default;
};

/// {"method": …, "settings": {…}, "overrides": [{"layers": GLOB, "method"?, "settings"?, "skip"?: true}]}
[[nodiscard]] nlohmann::json toJson(const Recipe& recipe);
/// Reads a recipe's text; `file` is for messages. Throws Error (Input) naming file and field.
[[nodiscard]] Recipe parseRecipe(const std::string& text, const std::string& file);
[[nodiscard]] Recipe readRecipe(const std::filesystem::path& path);
/// Written aside and renamed. Throws Error (Failed).
void writeRecipe(const Recipe& recipe, const std::filesystem::path& path);

[[nodiscard]] Recipe recipeOf(const QuantRequest& request);
/// Takes the recipe's method, settings and overrides into the request.
void applyRecipe(const Recipe& recipe, QuantRequest& request);

/// Parses 'GLOB:bits=8,group_size=64', 'GLOB:method=gptq,…' or 'GLOB:skip' for a request of `method`. Throws Error
/// (Request).
[[nodiscard]] LayerOverride parseOverride(const std::string& text, const std::string& method);
/// The text that parseOverride reads.
[[nodiscard]] std::string toText(const LayerOverride& change);

}  // namespace qs
