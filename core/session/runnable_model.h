#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/io/checkpoint.h"
#include "core/model/architecture_spec.h"
#include "core/model/evaluation/evaluate.h"
#include "core/model/runner/token_windows.h"
#include "core/model/tokenizer/tokenizer.h"

namespace qs {

/// Everything that running an opened model takes.
struct RunnableModel {
  std::shared_ptr<const Checkpoint> checkpoint;
  ArchitectureSpec spec;
  TokenizerPtr tokenizer;
};

/// Throws Error (Input) that says what is missing: config.json, a supported architecture, a tokenizer that fits.
[[nodiscard]] RunnableModel makeRunnable(std::shared_ptr<const Checkpoint> checkpoint);

/// A text with the name that messages and tables give it.
struct NamedText {
  std::string name;
  std::string text;  ///< UTF-8
};

/// Built-in texts beside the demo model.
enum class BuiltInText { Calibration, Evaluation, Training };
[[nodiscard]] std::filesystem::path builtInTextPath(const std::filesystem::path& demoFolder, BuiltInText text);
/// Reads a text file, or a pipe or /dev/stdin to its end. Throws Error (Input) naming it where it can't be read or
/// isn't UTF-8, and Cancelled.
[[nodiscard]] NamedText readText(const std::filesystem::path& path, const RunContext& context = {});

/// The text cut into windows for this model, as cutWindows() does.
[[nodiscard]] TokenWindows windowsOf(const RunnableModel& model, const NamedText& text, const WindowChoice& choice,
                                     const RunContext& context);

/// Perplexity of a model, and how far it is from `reference` where one is given (null otherwise). Runs in a worker
/// arena of its own. Throws Error, Cancelled.
[[nodiscard]] Evaluation evaluateModel(const RunnableModel& model, const NamedText& text, const WindowChoice& choice,
                                       const RunnableModel* reference, const RunContext& context);

}  // namespace qs
