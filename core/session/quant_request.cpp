#include "core/session/quant_request.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/glob.h"
#include "core/quant/method_registry.h"
#include "core/quant/param_check.h"
#include "core/quant/training_start.h"

namespace qs {

namespace {

// What of `settings` the method takes: a change of method keeps the settings that mean the same in both. (INT8 has
// 8 bits only, say.)
Settings keepKnown(const MethodInfo& method, const Settings& settings) {
  Settings known;
  for (const auto& [key, value] : settings.values()) {
    const ParamSpec* spec = method.parameter(key);
    if (spec != nullptr && acceptsValue(*spec, value)) known.set(key, value);
  }
  return known;
}

std::vector<const MethodInfo*> methodsOf(const QuantRequest& request) {
  std::vector<const MethodInfo*> methods{&requireMethod(request.method)};
  for (const LayerOverride& change : request.overrides)
    if (!change.method.empty()) methods.push_back(&requireMethod(change.method));
  return methods;
}

void validateOverride(const LayerOverride& change, const std::vector<const MethodInfo*>& methods) {
  if (change.glob.empty()) throw requestError("override", "names no layers");
  if (!change.method.empty()) {
    static_cast<void>(resolveSettings(requireMethod(change.method), change.settings));
    return;
  }
  const auto fits = [&change](const MethodInfo* method) {
    return std::all_of(change.settings.values().begin(), change.settings.values().end(),
                       [method](const auto& entry) { return method->parameter(entry.first) != nullptr; });
  };
  const auto method = std::find_if(methods.begin(), methods.end(), fits);
  static_cast<void>(resolveSettings(method == methods.end() ? *methods.front() : **method, change.settings));
}

/// The first method that needs calibration inputs, where the request names no source of them; else null.
const MethodInfo* uncalibratedMethod(const QuantRequest& request) {
  if (hasCalibration(request)) return nullptr;
  std::vector<const MethodInfo*> methods{findMethod(request.method)};
  for (const LayerOverride& change : request.overrides) methods.push_back(findMethod(change.method));
  const auto needs = [&request](const MethodInfo* method) {
    return method != nullptr && needsCalibration(*method, method->id == request.method ? request.settings : Settings());
  };
  const auto found = std::find_if(methods.begin(), methods.end(), needs);
  return found == methods.end() ? nullptr : *found;
}

}  // namespace

std::optional<LayerPlan> planLayer(const QuantRequest& request, std::string_view layer) {
  const MethodInfo* method = &requireMethod(request.method);
  Settings settings = request.settings;
  if (isSkipped(request, layer)) return std::nullopt;
  for (const LayerOverride& change : request.overrides) {
    if (!globMatches(change.glob, layer)) continue;
    if (!change.method.empty() && change.method != method->id) {
      method = &requireMethod(change.method);
      settings = keepKnown(*method, settings);
    }
    for (const auto& [key, value] : change.settings.values()) settings.set(key, value);
  }
  return LayerPlan{method, resolveSettings(*method, settings)};
}

bool isSkipped(const QuantRequest& request, std::string_view layer) {
  const auto last = std::find_if(request.overrides.rbegin(), request.overrides.rend(),
                                 [layer](const LayerOverride& change) { return globMatches(change.glob, layer); });
  return last != request.overrides.rend() && last->skip;
}

bool hasCalibration(const QuantRequest& request) {
  return !request.calibration.activationsFile.empty() || request.calibration.runModel;
}

bool lacksCalibration(const QuantRequest& request) { return uncalibratedMethod(request) != nullptr; }

void validateRequest(const QuantRequest& request) {
  const std::vector<const MethodInfo*> methods = methodsOf(request);
  static_cast<void>(resolveSettings(*methods.front(), request.settings));
  for (const LayerOverride& change : request.overrides) validateOverride(change, methods);
  if (request.calibration.holdOutEvery < 0 || request.calibration.holdOutEvery == 1)
    throw requestError("hold-out", "keeps every Nth calibration row out: 0 (none) or at least 2, not " +
                                       std::to_string(request.calibration.holdOutEvery));
  if (const MethodInfo* method = uncalibratedMethod(request); method != nullptr)
    throw requestError("method '" + method->id + "'",
                       "needs calibration inputs and there are none: give an activations file (--calibration "
                       "ACTS.safetensors), or a model with config.json and tokenizer to run over a text (--text)");
}

}  // namespace qs
