#include <iostream>
#include <new>

#include "app/cli/command.h"
#include "app/cli/exit_status.h"
#include "app/cli/interrupt.h"
#include "app/cli/printable.h"
#include "core/base/error.h"

namespace {

using namespace qs::cli;

// The one format of every failure: a single line.
int fail(int status, const std::string& message) {
  std::cerr << "quantscope-cli: error: " << printable(message) << std::endl;
  return status;
}

void addCommands(CLI::App& app, std::optional<Action>& action) {
  addInspectCommand(app, action);
  addCalibrateCommand(app, action);
  addQuantizeCommand(app, action);
  addEvaluateCommand(app, action);
  addGenerateCommand(app, action);
  addMethodsCommand(app, action);
  addAuditCommand(app, action);
  addReportCommand(app, action);
  addCompareCommand(app, action);
  addTokenizeCommand(app, action);
  addBenchCommand(app, action);
}

// What is wrong with a command line; the parser doesn't name a command that there is none of.
std::string faultOf(const CLI::App& app, const CLI::ParseError& error) {
  if (!app.get_subcommands().empty()) return error.what();
  std::string known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    known += (known.empty() ? "" : ", ") + command->get_name();
  const std::vector<std::string> rest = app.remaining();
  if (rest.empty()) return "no command given; there are " + known;
  if (rest.front().starts_with('-')) return "unknown option '" + rest.front() + "'; give a command first: " + known;
  return "unknown command '" + rest.front() + "'; there are " + known;
}

int perform(const Action& action, const InterruptWatcher& interrupt) {
  try {
    action({.stop = interrupt.token(), .executableFolder = findExecutableFolder()});
    std::cout.flush();
    if (!std::cout) return fail(kExitFailed, "standard output can't be written");
    return kExitDone;
  } catch (const qs::Cancelled&) {
    return fail(kExitInterrupted, "interrupted");
  } catch (const qs::Error& error) {
    return fail(exitStatusOf(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(kExitFailed, "not enough memory");
  } catch (const std::exception& error) {
    return fail(kExitFailed, error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const InterruptWatcher interrupt;
  CLI::App app("QuantScope: explore the quantization of language models", "quantscope-cli");
  app.set_version_flag("--version", QUANTSCOPE_VERSION);
  app.require_subcommand(1);
  std::optional<Action> action;
  addCommands(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return fail(kExitUsage, faultOf(app, error));
  } catch (const qs::Error& error) {
    return fail(exitStatusOf(error.kind()), error.what());
  } catch (const std::exception& error) {
    return fail(kExitUsage, std::string("the command line can't be read: ") + error.what());
  }
  return action ? perform(*action, interrupt) : fail(kExitUsage, "no command given");
}
