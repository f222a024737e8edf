#include <iostream>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/printable.h"
#include "app/cli/progress_bar.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/exporters/reports/audit_tables.h"
#include "core/session/audit/audit_checkpoint.h"
#include "core/session/demo_model.h"

namespace qs::cli {

namespace {

struct AuditOptions {
  CommonOptions common;
  std::string original;
  std::string quantized;
  bool strict = false;
};

void printAudit(const AuditReport& report) {
  std::cout << auditSummary(report).toPlainText() << "\n"
            << report.tensors.size() << " tensors, " << roundedText(report.bitsPerWeight(), 4)
            << " bits per weight, stored as " << report.format << "\n";
  for (const TensorAudit& tensor : report.tensors)
    if (!tensor.note.empty()) std::cout << "note: " << printable(tensor.name + ": " + tensor.note) << "\n";
  for (const std::string& warning : report.warnings) std::cout << "warning: " << printable(warning) << "\n";
  if (report.faultCount() == 0) std::cout << "no faults\n";
  for (const std::string& line : auditFaultLines(report)) std::cout << "fault: " << printable(line) << "\n";
}

void audit(const AuditOptions& options, const Environment& environment) {
  const std::shared_ptr<const Checkpoint> original = openModel(options.original, environment.executableFolder);
  const std::shared_ptr<const Checkpoint> quantized = openModel(options.quantized, environment.executableFolder);
  Progress progress;
  const RunContext context = contextOf(environment, options.common, &progress);
  AuditReport report;
  {
    const ProgressBar bar(progress, options.common.progress);
    inWorkerArena(context, [&] { report = auditCheckpoint(*original, *quantized, context); });
  }
  if (options.common.json)
    printJson(auditReportJson(report).dump(2));
  else
    printAudit(report);
  if (options.strict && report.faultCount() > 0)
    throw failedError(options.quantized,
                      std::to_string(report.faultCount()) + " faults, the first: " + auditFaultLines(report).front());
}

}  // namespace

void addAuditCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command =
      app.add_subcommand("audit", "Compare an original with a quantized checkpoint of it and name the faults");
  const auto options = std::make_shared<AuditOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("ORIGINAL", options->original, "Unquantized model: folder or file, or \"demo\"")->required();
  command->add_option("QUANTIZED", options->quantized, "Quantized checkpoint of it, by whatever program")->required();
  command->add_flag("--strict", options->strict, "Exit with status 1 where faults are found");
  command->callback(
      [&action, options] { action = [options](const Environment& environment) { audit(*options, environment); }; });
}

}  // namespace qs::cli
