#include <array>
#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/output_checks.h"
#include "core/base/error.h"
#include "core/exporters/reports/html_report.h"
#include "core/session/atomic_file.h"

namespace qs::cli {

namespace {

struct ReportOptions {
  CommonOptions common;
  std::string report;
  std::string out;
  bool force = false;
};

void writeReport(const ReportOptions& options) {
  const std::array outputs{NamedPath{"--out", options.out}};
  const std::array inputs{NamedPath{"RUN_REPORT", options.report}};
  requireSeparateFiles(outputs, inputs);
  requireWritableFile(options.out);
  if (std::filesystem::exists(options.out) && !options.force)
    throw requestError(options.out, "exists already; --force replaces it");
  const nlohmann::json json = nlohmann::json::parse(readWholeFile(options.report), nullptr, false);
  if (json.is_discarded()) throw inputError(options.report, "is no JSON");
  writeFileAtomically(options.out, htmlReport(json, options.report));
  if (options.common.json)
    printJson(nlohmann::json{{"report", options.report}, {"out", options.out}}.dump());
  else
    std::cout << "written to " << options.out << "\n";
}

}  // namespace

void addReportCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("report", "Write the one-file HTML report of a run or a comparison");
  const auto options = std::make_shared<ReportOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("RUN_REPORT", options->report, "JSON report of quantize --report or compare --json")->required();
  command->add_option("--out", options->out, "HTML file to write")->required();
  command->add_flag("--force", options->force, "Replace an output that exists");
  command->callback([&action, options] { action = [options](const Environment&) { writeReport(*options); }; });
}

}  // namespace qs::cli
