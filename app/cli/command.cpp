#include "app/cli/command.h"

#include <iostream>
#include <limits>

#include "app/cli/printable.h"
#include "app/cli/whole_number.h"

namespace qs::cli {

void addCommonOptions(CLI::App& command, CommonOptions& options) {
  command.add_flag("--json", options.json, "Print one JSON document on standard output");
  command.add_flag("--progress", options.progress, "Print progress lines also where standard error is no terminal");
  command.add_option("--threads", options.threads, "Worker threads (default: all cores)")
      ->transform(wholeNumber(1, 1024));
  constexpr std::uint64_t kLargestSeed = std::numeric_limits<std::uint64_t>::max();
  command.add_option("--seed", options.seed, "Seed of whatever is random (default: 0)")
      ->transform(wholeNumber(std::uint64_t{0}, kLargestSeed).description("0 and above"));
}

CLI::Option* addCount(CLI::App& command, const std::string& name, std::size_t& count, const std::string& help) {
  constexpr std::size_t kMost = 1'000'000'000;
  return command.add_option(name, count, help)
      ->transform(wholeNumber(std::size_t{0}, kMost).description("0 and above"));
}

RunContext contextOf(const Environment& environment, const CommonOptions& options, Progress* progress) {
  return {.stop = environment.stop, .progress = progress, .threads = options.threads};
}

void printJson(const std::string& document) { std::cout << document << '\n'; }

void printNote(const std::string& text) { std::cerr << "quantscope-cli: " << printable(text) << '\n'; }

}  // namespace qs::cli
