#include <iostream>
#include <limits>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "core/base/error.h"
#include "core/io/byte_stream.h"
#include "core/io/reader_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/model/tokenizer/utf8.h"
#include "core/session/atomic_file.h"
#include "core/session/demo_model.h"

namespace qs::cli {

namespace {

struct TokenizeOptions {
  CommonOptions common;
  std::string model;
  std::string text;
};

// A folder needs no weights for this.
TokenizerPtr tokenizerOf(const std::string& model, const Environment& environment) {
  const std::filesystem::path path =
      model == "demo" ? demoModelFolder(environment.executableFolder) : std::filesystem::path(model);
  if (std::filesystem::is_directory(path)) return loadTokenizer(path);
  return loadTokenizer(*openCheckpoint(path));
}

std::string readInput(const std::string& path, const RunContext& context) {
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
  if (path.empty()) return readStandardInput(kNoLimit, context);
  std::error_code ignored;
  const bool isStream = std::filesystem::is_other(path, ignored);
  return isStream ? readStream(path, kNoLimit, context) : readWholeFile(path);
}

std::string textOf(const TokenizeOptions& options, const RunContext& context) {
  std::string text = readInput(options.text, context);
  if (const auto invalid = firstInvalidUtf8(text))
    throw inputError(options.text.empty() ? "standard input" : options.text,
                     "not valid UTF-8 (byte " + std::to_string(*invalid) + ")");
  return text;
}

void tokenize(const TokenizeOptions& options, const Environment& environment) {
  const TokenizerPtr tokenizer = tokenizerOf(options.model, environment);
  const RunContext context = contextOf(environment, options.common);
  const std::vector<int> ids = tokenizer->encode(textOf(options, context), context);
  if (options.common.json) {
    printJson(nlohmann::ordered_json{{"model", options.model}, {"count", ids.size()}, {"ids", ids}}.dump());
    return;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) std::cout << (i > 0 ? " " : "") << ids[i];
  std::cout << "\n";
}

}  // namespace

void addTokenizeCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("tokenize", "Print the token ids of a text");
  const auto options = std::make_shared<TokenizeOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("MODEL", options->model, "Model or tokenizer folder, GGUF file, or \"demo\"")->required();
  command->add_option("--text", options->text, "Text file, UTF-8 (default: standard input)");
  command->callback(
      [&action, options] { action = [options](const Environment& environment) { tokenize(*options, environment); }; });
}

}  // namespace qs::cli
