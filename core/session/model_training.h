#pragma once

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "core/session/run_quantization.h"
#include "core/session/run_store.h"

namespace qs {

/// Whether the request's method trains the whole model.
[[nodiscard]] bool trainsModel(const QuantRequest& request);

/// What training would take and how it would be done, in one line. Throws Error for all that can be known before the
/// work begins: no architecture or tokenizer, a text that is missing or too short, layers that can't be trained, too
/// little memory.
[[nodiscard]] std::string trainingPreflight(const Checkpoint& model, const QuantRequest& request,
                                            const RunContext& context);

/// Quantizes the layers that the request chooses by training: the start's codes first, then the whole model, or block
/// by block where that is wanted or memory asks for it. Every minute, when cancelled, and before it is converted, its
/// state goes to the store; with the same store it goes on from there, to the same bits (convertStopped() takes the
/// best step as it is). Trained norms and biases go to the store as well. Throws as runQuantization().
[[nodiscard]] std::vector<LayerReportPtr> trainLayers(const Checkpoint& model, const QuantRequest& request,
                                                      RunStore& store, const RunContext& context,
                                                      const RunObservers& observers);

}  // namespace qs
