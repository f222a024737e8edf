#include "core/session/request_json.h"

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

}  // namespace qs
