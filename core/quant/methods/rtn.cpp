#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

QuantScheme rtnScheme(const Settings& settings, ScaleType scaleType) {
  QuantScheme scheme = integerScheme(settings, scaleType);
  scheme.realZeroPoint = !scheme.symmetric && settings.flag("fractional_zero_point");
  return scheme;
}

std::vector<LayerOutcome> quantizeRtn(std::span<const LayerTask> tasks, const Settings& settings,
                                      const QuantizeOptions& options, const RunContext& context) {
  const QuantScheme scheme = rtnScheme(settings, options.scaleType);
  const bool shrinkRange = settings.flag("mse_range");
  const double searchShare = shrinkRange ? 0.95 : 0.0;  // of a layer's progress
  return quantizeEach(
      tasks, context,
      [&](const LayerTask& task) {
        return LayerOutcome{.tensor = quantizeUniform(task.weights, scheme, shrinkRange, context, searchShare)};
      },
      searchShare);
}

ParamSpec mseRangeParam() {
  return {.key = "mse_range",
          .label = "Shrink ranges",
          .kind = ParamKind::Switch,
          .defaultValue = false,
          .help =
              "Tries 80 shrunk ranges per group and keeps the one with the least error (sum of |error|^2.4). Helps at "
              "2 and 3 bits, and takes about a hundred times longer."};
}

ParamSpec fractionalZeroParam() {
  return {.key = "fractional_zero_point",
          .label = "Fractional zero point",
          .kind = ParamKind::Switch,
          .defaultValue = false,
          .help =
              "Introductory form: the zero point is not rounded to a whole number and the range needn't hold 0. Then "
              "0 can't be represented, and an integer kernel computes wrong products. Asymmetric only.",
          .advanced = true,
          .introductory = true};
}

}  // namespace

MethodInfo rtnMethod() {
  return {.id = "rtn",
          .name = "RTN",
          .summary = "Rounds every weight to the nearest point of a uniform grid; needs no calibration.",
          .source = "arXiv 1712.05877, 1806.08342",
          .readsRows = true,
          .colorSlot = 1,
          .roundsOnly = true,
          .parameters = {bitsParam(), groupSizeParam(), symmetricParam(), symmetricRangeParam(), mseRangeParam(),
                         fractionalZeroParam()},
          .scheme = rtnScheme,
          .quantize = quantizeRtn};
}

}  // namespace qs
