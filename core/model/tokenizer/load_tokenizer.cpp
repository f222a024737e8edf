#include "core/model/tokenizer/load_tokenizer.h"

#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/model/tokenizer/gguf_tokenizer.h"
#include "core/model/tokenizer/sentencepiece_tokenizer.h"
#include "core/model/tokenizer/tokenizer_json.h"

namespace qs {

namespace {

bool isFile(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

std::string readText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw inputError(path.string(), "can't be read");
  return std::move(text).str();
}

TokenizerConfig configOf(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer_config.json";
  return parseTokenizerConfig(isFile(path) ? readText(path) : std::string(), path.string());
}

}  // namespace

TokenizerPtr loadTokenizer(const std::filesystem::path& folder) {
  const std::filesystem::path json = folder / "tokenizer.json";
  if (isFile(json)) return parseTokenizerJson(readText(json), configOf(folder), json.string());
  const std::filesystem::path model = folder / "tokenizer.model";
  if (isFile(model)) return openSentencePiece(model, configOf(folder));
  throw inputError(folder.string(), "no tokenizer found (tokenizer.json or tokenizer.model)");
}

TokenizerPtr loadTokenizer(const Checkpoint& model) {
  if (model.contents().gguf != nullptr)
    return makeGgufTokenizer(ggufVocabulary(*model.contents().gguf, model.path().string()), model.path().string());
  if (model.contents().tokenizerFolder.empty())
    throw inputError(model.path().string(), "no tokenizer found (tokenizer.json or tokenizer.model)");
  return loadTokenizer(model.contents().tokenizerFolder);
}

}  // namespace qs
