#include "core/io/formats/model_folder.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/io/mapped_file.h"
#include "core/io/strict_json.h"

namespace qs {

namespace {

constexpr std::size_t kShardDigits = 5;

bool areDigits(std::string_view text) {
  return text.size() == kShardDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool isShardName(std::string_view fileName) {
  const std::size_t middle = fileName.rfind("-of-");
  if (middle == std::string_view::npos || middle < kShardDigits + 1) return false;
  return fileName[middle - kShardDigits - 1] == '-' &&
         areDigits(fileName.substr(middle - kShardDigits, kShardDigits)) &&
         areDigits(fileName.substr(middle + 4, kShardDigits));
}

std::string readTextFile(const std::filesystem::path& path, std::uint64_t maximumBytes) {
  const auto file = MappedFile::open(path);
  if (file->size() > maximumBytes)
    throw mismatchError(path.string(), "file size", "at most " + std::to_string(maximumBytes) + " bytes",
                        std::to_string(file->size()));
  return {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()};
}

void addModelFolder(const std::filesystem::path& folder, Checkpoint::Contents& contents) {
  const std::filesystem::path here = folder.empty() ? "." : folder;
  std::error_code ignored;
  const std::filesystem::path config = here / "config.json";
  if (std::filesystem::exists(config, ignored)) {
    std::string text = readTextFile(config, kMaximumConfigBytes);
    if (!parseStrictJson(text, config.string()).is_object())
      throw mismatchError(config.string(), "JSON", "an object", "something else");
    contents.configJson = std::move(text);
  }
  for (const char* name : std::array{"tokenizer.json", "tokenizer.model", "vocab.json"})
    if (std::filesystem::exists(here / name, ignored)) contents.tokenizerFolder = here;
}

}  // namespace qs
