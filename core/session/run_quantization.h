#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "core/session/run_store.h"

namespace qs {

/// Receives each finished (or failed) layer, in model order within a group of layers; called from any thread, one call
/// at a time.
using LayerSink = std::function<void(LayerReportPtr)>;

/// Told now and then of a training's curves as far as they have come; called from a worker thread.
using TrainingCurveSink = std::function<void(const std::string& title, const std::vector<MethodCurve>& curves)>;

/// Receives what the run makes of each layer that the store doesn't hold yet, before it is let go; called from threads
/// beside the workers, several calls at a time. An Error that it throws ends the run.
using QuantizedLayerSink = std::function<void(const std::string& layer, const QuantizedTensor& tensor)>;

/// Who hears of a run while it goes on; any may be empty.
struct RunObservers {
  LayerSink layers = {};
  QuantizedLayerSink quantized = {};  ///< not of methods that train the whole model
  TrainingCurveSink curves = {};
};

/// Quantizes every layer that the request chooses, streaming: map → quantize → measure → store → release. Memory is
/// bounded by a few layers; methods that train the whole model say what they need instead (model_training.h). Layers
/// that the store holds already are taken from it. One bad layer is a failed report, not the end. Throws Error
/// (Request, Input, full disk) or Cancelled; finished layers stay in the store.
[[nodiscard]] QuantReport runQuantization(const Checkpoint& model, const QuantRequest& request, RunStore& store,
                                          const RunContext& context, const RunObservers& observers);
[[nodiscard]] QuantReport runQuantization(const Checkpoint& model, const QuantRequest& request, RunStore& store,
                                          const RunContext& context, const LayerSink& sink = {});

}  // namespace qs
