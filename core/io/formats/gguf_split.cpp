#include "core/io/formats/gguf_split.h"

#include <iterator>
#include <set>

#include "core/base/error.h"
#include "core/io/formats/model_folder.h"

namespace qs {

namespace {

constexpr const char* kNumber = "split.no";
constexpr const char* kCount = "split.count";
constexpr const char* kTensorCount = "split.tensors.count";
constexpr std::size_t kDigits = 5;
constexpr std::int64_t kMostFiles = 99999;

std::string padded(std::int64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

std::int64_t require(const GgufFile& gguf, const char* key) {
  const std::optional<std::int64_t> value = gguf.metadata->integer(key);
  if (!value) throw inputError(gguf.file->path().string() + ": " + key, "the key is missing in a split model");
  return *value;
}

void requireEqual(const GgufFile& gguf, const char* key, std::int64_t expected) {
  const std::int64_t got = require(gguf, key);
  if (got != expected)
    throw mismatchError(gguf.file->path().string() + ": " + key, "value", std::to_string(expected),
                        std::to_string(got));
}

// "folder/name-" of "folder/name-00002-of-00003.gguf".
std::filesystem::path stemOf(const std::filesystem::path& path, std::int64_t count) {
  const std::string name = path.filename().string();
  const std::string ending = "-of-" + padded(count) + ".gguf";
  if (!isShardName(name) || !name.ends_with(ending))
    throw mismatchError(path.string(), "file name", "…-00001" + ending + " as the metadata says", name);
  return path.parent_path() / name.substr(0, name.size() - ending.size() - kDigits);
}

void requireUniqueNames(const GgufFile& gguf) {
  std::set<std::string_view> names;
  for (const GgufTensor& tensor : gguf.tensors)
    if (!names.insert(tensor.info.name).second)
      throw inputError(tensor.file->path().string() + ": " + tensor.info.name,
                       "name: occurs in another file of the model, too");
}

}  // namespace

GgufModel readGgufModel(const std::filesystem::path& path) {
  GgufModel model{.gguf = readGgufFile(path), .files = {path}};
  const std::int64_t count = model.gguf.metadata->integer(kCount).value_or(0);
  if (count <= 1) return model;
  if (count > kMostFiles)
    throw mismatchError(path.string() + ": " + kCount, "value", "at most 99999", std::to_string(count));
  const std::filesystem::path stem = stemOf(path, count);
  const std::string ending = "-of-" + padded(count) + ".gguf";
  model.files.clear();
  for (std::int64_t number = 1; number <= count; ++number) {
    const std::filesystem::path file = stem.string() + padded(number) + ending;
    GgufFile part = readGgufFile(file);
    requireEqual(part, kNumber, number - 1);
    requireEqual(part, kCount, count);
    model.files.push_back(file);
    if (number == 1)
      model.gguf = std::move(part);
    else
      std::move(part.tensors.begin(), part.tensors.end(), std::back_inserter(model.gguf.tensors));
  }
  requireEqual(model.gguf, kTensorCount, static_cast<std::int64_t>(model.gguf.tensors.size()));
  requireUniqueNames(model.gguf);
  return model;
}

}  // namespace qs
