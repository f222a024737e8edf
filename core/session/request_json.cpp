#include "core/session/request_json.h"

#include "core/base/error.h"
#include "core/session/recipe.h"

namespace qs {

nlohmann::json toJson(const QuantRequest& request) {
  const CalibrationSource& calibration = request.calibration;
  return {{"recipe", toJson(recipeOf(request))},
          {"include", request.layers.include},
          {"exclude", request.layers.exclude},
          {"share_input", request.shareInput},
          {"scale_type", static_cast<int>(request.scaleType)},
          {"seed", request.seed},
          {"training_text", request.trainingText.string()},
          {"calibration",
           {{"activations", calibration.activationsFile.string()},
            {"text", calibration.textFile.string()},
            {"run_model", calibration.runModel},
            {"hold_out", calibration.holdOutEvery},
            {"window", calibration.window},
            {"windows", calibration.windows},
            {"sequential", calibration.sequential}}}};
}

QuantRequest requestFromJson(const nlohmann::json& json, const std::string& file) {
  try {
    QuantRequest request;
    applyRecipe(parseRecipe(json.at("recipe").dump(), file), request);
    request.layers.include = json.value("include", request.layers.include);
    request.layers.exclude = json.value("exclude", request.layers.exclude);
    request.shareInput = json.value("share_input", request.shareInput);
    const int scaleType = json.value("scale_type", 0);
    if (scaleType < 0 || scaleType > static_cast<int>(ScaleType::E8M0)) throw inputError(file, "unknown scale type");
    request.scaleType = static_cast<ScaleType>(scaleType);
    request.seed = json.value("seed", request.seed);
    request.trainingText = json.value("training_text", std::string());
    const nlohmann::json calibration = json.value("calibration", nlohmann::json::object());
    request.calibration.activationsFile = calibration.value("activations", std::string());
    request.calibration.textFile = calibration.value("text", std::string());
    request.calibration.runModel = calibration.value("run_model", false);
    request.calibration.holdOutEvery = calibration.value("hold_out", 0);
    request.calibration.window = calibration.value("window", std::size_t{0});
    request.calibration.windows = calibration.value("windows", std::size_t{0});
    request.calibration.sequential = calibration.value("sequential", false);
    return request;
  } catch (const nlohmann::json::exception& fault) {
    throw inputError(file, std::string("not a saved request: ") + fault.what());
  }
}

}  // namespace qs
