#include "tests/layering/include_rules.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

namespace qs::test {
namespace {

using Folders = std::vector<std::string>;

struct Rule {
  std::string folder;
  Folders allowed;           ///< by an arrow of the layout
  bool everythingBelow;      ///< whether what `allowed` includes is allowed as well
  std::string refused = {};  ///< pattern of the <…> headers that are refused
};

const std::string kQt = "Q[A-Z].*|Qt[A-Z].*|q[a-z_0-9]+\\.h";
const std::string kNumbers = "(tbb|oneapi|Eigen|hwy)/.*|cblas.*|lapacke.*";

/// The arrows of the layout. A folder may always include itself.
const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {"core/base", {}, true, kQt},
      {"core/tensor", {"core/base"}, true, kQt},
      {"core/kernels", {"core/tensor"}, true, kQt},
      {"core/stats", {"core/kernels"}, true, kQt},
      {"core/io", {"core/kernels"}, true, kQt},
      {"core/quant", {"core/stats"}, true, kQt},
      {"core/model", {"core/stats", "core/io"}, true, kQt},
      {"core/train", {"core/model", "core/quant"}, true, kQt},
      {"core/session", {"core/train", "core/model", "core/quant", "core/io"}, true, kQt},
      {"core/exporters", {"core/session"}, true, kQt},
      // The façade and the value types it speaks in: not the kernels, the runner or the training behind it.
      {"ui-sees",
       {"core/session", "core/exporters", "core/io", "core/tensor", "core/quant", "core/stats", "core/base"},
       false},
      {"ui/support", {}, true, kNumbers},
      {"ui/jobs", {"ui/support", "ui-sees"}, true, kNumbers},
      {"ui/controllers", {"ui/jobs"}, true, kNumbers},
      {"ui/models", {"ui/support", "ui-sees"}, true, kNumbers},
      {"ui/charts", {"ui/support", "ui-sees"}, true, kNumbers},
      {"ui/panels", {"ui/support", "ui-sees"}, true, kNumbers},
      {"ui/windows", {"ui/controllers", "ui/panels", "ui/charts", "ui/models"}, true, kNumbers},
      {"app/gui", {"ui/windows"}, true, kNumbers},
      {"app/cli", {"core/exporters"}, true, kQt},
  };
  return all;
}

const Rule* ruleFor(const std::string& folder) {
  const auto found = std::ranges::find(rules(), folder, &Rule::folder);
  return found == rules().end() ? nullptr : &*found;
}

void addReachable(const Rule& rule, std::set<std::string>& reachable) {
  for (const std::string& name : rule.allowed) {
    if (!reachable.insert(name).second) continue;
    const Rule* below = ruleFor(name);
    if (rule.everythingBelow && below != nullptr) addReachable(*below, reachable);
  }
}

/// "core/io/formats/x.h" belongs to "core/io".
std::string folderOf(const std::string& path) {
  const auto first = path.find('/');
  const auto second = first == std::string::npos ? first : path.find('/', first + 1);
  return second == std::string::npos ? std::string() : path.substr(0, second);
}

std::optional<std::string> refuseProjectHeader(const std::string& folder, const std::string& header) {
  const auto slash = header.find('/');
  if (slash == std::string::npos) return std::nullopt;  // generated beside its source, as tst_x.moc
  const std::string target = folderOf(header);
  if (target == folder) return std::nullopt;
  if (ruleFor(target) == nullptr) return "name a header by its path from the root, in a folder of the layout";
  std::set<std::string> reachable;
  addReachable(*ruleFor(folder), reachable);
  if (!reachable.contains(target)) return folder + " may not include " + target;
  return std::nullopt;
}

std::optional<std::string> refuseThirdParty(const Rule& rule, const std::string& header) {
  if (!std::regex_match(header, std::regex(rule.refused))) return std::nullopt;
  return rule.folder + " may not use this library";
}

std::vector<std::filesystem::path> sourcesUnder(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> sources;
  for (const char* top : {"core", "ui", "app"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
      const auto extension = entry.path().extension();
      if (extension == ".h" || extension == ".cpp") sources.push_back(entry.path());
    }
  }
  std::ranges::sort(sources);
  return sources;
}

}  // namespace

std::vector<Violation> findViolations(const std::string& file, std::string_view source) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)re");
  const std::string folder = folderOf(file);
  const Rule* rule = ruleFor(folder);
  if (rule == nullptr) return {{file, 1, "", "its folder is not in the layout"}};
  std::vector<Violation> violations;
  std::istringstream lines{std::string(source)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::smatch match;
    if (!std::regex_match(line, match, pattern)) continue;
    const std::string header = match[2];
    const bool ours = match[1] == "\"" || header.starts_with("core/") || header.starts_with("ui/");
    const auto reason = ours ? refuseProjectHeader(folder, header) : refuseThirdParty(*rule, header);
    if (reason) violations.push_back({file, number, header, *reason});
  }
  return violations;
}

std::vector<Violation> findViolationsUnder(const std::filesystem::path& root) {
  std::vector<Violation> violations;
  for (const auto& path : sourcesUnder(root)) {
    std::ifstream stream(path, std::ios::binary);
    const std::string source{std::istreambuf_iterator<char>(stream), {}};
    std::ranges::move(findViolations(path.lexically_relative(root).generic_string(), source),
                      std::back_inserter(violations));
  }
  return violations;
}

std::size_t countSources(const std::filesystem::path& root) { return sourcesUnder(root).size(); }

}  // namespace qs::test
