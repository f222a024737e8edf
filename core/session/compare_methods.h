#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/model/runner/token_windows.h"
#include "core/session/quant_request.h"
#include "core/session/runnable_model.h"
#include "core/session/stored_run.h"

namespace qs {

/// Id of the unquantized model's row.
inline constexpr const char* kUnquantized = "fp16";

/// A method with the settings that differ from its defaults.
struct ComparedMethod {
  std::string method;
  Settings settings;
};

/// What `compare` runs when it is told no methods: unquantized, the three INT8 methods, RTN, GPTQ, AWQ and layer-wise
/// QAT.
[[nodiscard]] std::vector<ComparedMethod> defaultComparison();

enum class RowStatus : std::uint8_t { Waiting, Running, Done, Failed, Cancelled };
[[nodiscard]] std::string_view name(RowStatus status);

/// One row of the comparison table. Every figure is computed from what is stored or measured in this run; what was not
/// measured is absent.
struct ComparisonRow {
  std::string method;
  Settings settings;  ///< complete
  RowStatus status = RowStatus::Waiting;
  std::string error;  ///< why it failed; with status Done: what could not be measured, or why a training ended early
  std::optional<std::uint64_t> sizeBytes;  ///< whole model: quantized layers as stored, the rest at 16 bits a weight
  std::optional<double> bitsPerWeight;     ///< of the quantized layers; 16 for the unquantized model
  std::optional<double> perplexity;
  std::optional<double> perplexityStderr;
  std::optional<double> perplexityChange;  ///< minus the unquantized model's over the same text
  std::optional<double> meanDivergence;    ///< KL(unquantized ‖ row), nats a token
  std::optional<double> medianDivergence;
  std::optional<double> p999Divergence;
  std::optional<double> top1Agreement;
  std::optional<double> meanOutputRelativeError;  ///< over the layers and the calibration inputs
  std::optional<double> meanWeightRelativeError;
  std::optional<double>
      decodeSpeedup;  ///< measured against F16 in the same run; absent for formats that only are simulated
  std::optional<double> decodeSpeedupLow;  ///< the slowest repeat against F16's best
  bool decodeSpeedupIsLeast = false;       ///< it was more: see DecodeTiming::cappedAtBytes
  bool onlySimulated = false;              ///< known at the end: no kernel decodes this format
  std::optional<double> seconds;           ///< of quantizing
  StoredRunPtr run;                        ///< the quantized model; null before it is finished, and for the unquantized
};

/// The part of the evaluation text that was scored.
struct EvaluatedText {
  std::string name;         ///< of the text
  std::size_t windows = 0;  ///< 0 where the model can't be run
  std::size_t window = 0;   ///< tokens of text in each
  std::size_t tokens = 0;   ///< predicted
};

/// What to compare, on what.
struct ComparisonRequest {
  std::vector<ComparedMethod> methods;
  QuantRequest base;  ///< layers, overrides, calibration, seed; its method and settings are not used
  NamedText evaluationText;
  WindowChoice windows;
  int decodeRepeats = 7;  ///< interleaved rounds of the speed measurement; 0 = don't measure
};

/// Told of every change of a row; called from the driving thread.
using RowObserver = std::function<void(std::size_t index, const ComparisonRow& row)>;

/// The table, one row a method in the order of the request.
struct ComparisonResult {
  std::vector<ComparisonRow> rows;
  EvaluatedText text;
  std::string whyNotCalibrated;  ///< empty where nothing went wrong
};

/// Quantizes and runs the model with each method in turn (as it is exported: input scales folded, inputs quantized
/// where the method does so) and fills the rows as results arrive: the observer hears of every row once before the work
/// begins. Last the decode kernels are timed on the model's own layer shapes. A row that fails says
/// why, and the others go on. A model that can't be run keeps its size, errors and speed, and says what is missing.
/// Scales are stored in F16. Throws Error (Request) for a request that can't be carried out, and Cancelled after the
/// open rows were told.
[[nodiscard]] ComparisonResult compareMethods(std::shared_ptr<const Checkpoint> model, const ComparisonRequest& request,
                                              const std::filesystem::path& storeRoot, const RunContext& context,
                                              const RowObserver& observer = {});

}  // namespace qs
