#pragma once

#include <functional>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "app/cli/environment.h"
#include "core/base/progress.h"
#include "core/base/run_context.h"

namespace qs::cli {

/// What the parsed command line wants done; set by a subcommand's callback, run by main().
using Action = std::function<void(const Environment&)>;

/// Options that every command takes.
struct CommonOptions {
  bool json = false;
  bool progress = false;
  int threads = 0;
  std::uint64_t seed = 0;
};
void addCommonOptions(CLI::App& command, CommonOptions& options);

/// Adds an option that is a count: a whole number from 0.
CLI::Option* addCount(CLI::App& command, const std::string& name, std::size_t& count, const std::string& help);

/// The context of a command's work; `progress` has to outlive it.
[[nodiscard]] RunContext contextOf(const Environment& environment, const CommonOptions& options,
                                   Progress* progress = nullptr);

/// Prints a document and a line feed on standard output.
void printJson(const std::string& document);
/// A note on standard error: "quantscope-cli: …".
void printNote(const std::string& text);

// One function a command: adds it to the program with an action that runs it.
void addMethodsCommand(CLI::App& app, std::optional<Action>& action);
void addInspectCommand(CLI::App& app, std::optional<Action>& action);
void addQuantizeCommand(CLI::App& app, std::optional<Action>& action);
void addReportCommand(CLI::App& app, std::optional<Action>& action);
void addCalibrateCommand(CLI::App& app, std::optional<Action>& action);
void addEvaluateCommand(CLI::App& app, std::optional<Action>& action);
void addGenerateCommand(CLI::App& app, std::optional<Action>& action);
void addTokenizeCommand(CLI::App& app, std::optional<Action>& action);
void addCompareCommand(CLI::App& app, std::optional<Action>& action);
void addAuditCommand(CLI::App& app, std::optional<Action>& action);
void addBenchCommand(CLI::App& app, std::optional<Action>& action);

}  // namespace qs::cli
