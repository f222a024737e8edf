#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/session/stored_run.h"

namespace qs {

/// A text to continue greedily, with the model as it is and with quantized runs of it.
struct PromptRequest {
  std::string prompt;       ///< UTF-8
  std::size_t tokens = 48;  ///< at most
  std::vector<StoredRunPtr> runs;
};

/// How one model goes on. Its text is common + firstDifferent + rest, where common is what the unquantized model says
/// too.
struct Continuation {
  std::vector<int> ids;
  std::string common;
  std::string firstDifferent;  ///< the token that differs; empty where none does
  std::string rest;
  std::optional<std::size_t> differsAt;  ///< its position among the ids; absent where all are the same
  std::string error;                     ///< why this model could not be run

  [[nodiscard]] std::string text() const { return common + firstDifferent + rest; }
};

/// Told of each finished continuation: 0 is the unquantized model's, i + 1 that of runs[i].
using ContinuationObserver = std::function<void(std::size_t index, const Continuation& continuation)>;

/// Continues the prompt with the unquantized model first, then with each run in turn; a run that fails says why, and
/// the others go on. Progress counts tokens. Throws Error: (Request) for an empty prompt or one that fills the context,
/// (Input) where the model can't be run; Cancelled.
[[nodiscard]] std::vector<Continuation> continuePrompt(std::shared_ptr<const Checkpoint> model,
                                                       const PromptRequest& request, const RunContext& context,
                                                       const ContinuationObserver& observer = {});

}  // namespace qs
