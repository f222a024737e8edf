#include "app/cli/output_checks.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "app/cli/command.h"
#include "core/base/error.h"
#include "core/io/output_folder.h"
#include "core/io/reader_registry.h"

namespace qs::cli {

namespace {

namespace fs = std::filesystem;

void requireWritableParent(const fs::path& path) {
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code failed;
  if (!fs::is_directory(parent, failed))
    throw failedError(path.string(), "the folder " + parent.string() + " does not exist");
  if (access(parent.c_str(), W_OK | X_OK) != 0)
    throw failedError(path.string(), "the folder " + parent.string() + " can't be written: " + std::strerror(errno));
}

// "out/" names the same folder as "out".
fs::path withoutTrailingSlash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

// One name for each file, also for one that doesn't exist yet.
fs::path uniqueName(const fs::path& path) {
  std::error_code failed;
  const fs::path absolute = fs::absolute(withoutTrailingSlash(path), failed);
  const fs::path found = fs::weakly_canonical(absolute, failed);
  return failed ? absolute.lexically_normal() : found;
}

bool isDevice(const fs::path& path) {
  std::error_code ignored;
  return fs::is_other(path, ignored);
}

bool isSame(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return uniqueName(a) == uniqueName(b) || fs::equivalent(a, b, ignored);
}

bool holds(const fs::path& folder, const fs::path& path) {
  const fs::path outer = uniqueName(folder);
  const fs::path inner = uniqueName(path);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

void requireSeparate(const NamedPath& output, const NamedPath& other) {
  if (output.path.empty() || other.path.empty() || isDevice(output.path) || isDevice(other.path)) return;
  if (isSame(output.path, other.path))
    throw requestError(output.path.string(), output.option + " and " + other.option + " name the same file");
  if (holds(output.path, other.path))
    throw requestError(other.path.string(), other.option + " lies in what " + output.option + " writes");
}

// What a single file was opened with lies beside it.
std::vector<fs::path> companions(const Checkpoint& model) {
  static constexpr std::array kNames{"config.json",       "generation_config.json",      "tokenizer.json",
                                     "tokenizer.model",   "tokenizer_config.json",       "vocab.json",
                                     "merges.txt",        "special_tokens_map.json",     "added_tokens.json",
                                     "quant_config.json", "quantize_config.json",        "chat_template.jinja",
                                     "spiece.model",      "model.safetensors.index.json"};
  std::vector<fs::path> files;
  const bool isAlone = model.contents().configJson.empty() && model.contents().tokenizerFolder.empty();
  if (isAlone || model.contents().gguf) return files;
  for (const char* name : kNames) files.push_back(model.path().parent_path() / name);
  return files;
}

bool isOfModel(const NamedPath& named, const Checkpoint& model) {
  const fs::path output = withoutTrailingSlash(named.path);
  std::error_code ignored;
  std::vector<fs::path> files = model.contents().files;
  files.push_back(model.path());
  const bool isFolder = fs::is_directory(model.path(), ignored);
  if (isFolder && !named.isEarlier && fs::is_regular_file(output, ignored) &&
      isSame(fs::absolute(output, ignored).parent_path(), model.path()))
    return true;
  if (!isFolder) {
    const std::vector<fs::path> beside = companions(model);
    files.insert(files.end(), beside.begin(), beside.end());
  }
  return std::any_of(files.begin(), files.end(), [&](const fs::path& file) {
    return fs::exists(file, ignored) && (isSame(output, file) || holds(output, file));
  });
}

}  // namespace

void requireWritableFile(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw failedError(path.string(), "is a folder, expected a file to write");
  if (!isDevice(path)) requireWritableParent(path);
}

void requireWritableExtra(const NamedPath& output, bool replace) {
  if (output.path.empty()) return;
  requireWritableFile(output.path);
  std::error_code ignored;
  const bool isFilled = fs::is_regular_file(output.path, ignored) && fs::file_size(output.path, ignored) > 0;
  if (isFilled && !output.isEarlier && !replace)
    throw requestError(output.path.string(), "exists already and no earlier run wrote it; --force replaces it");
}

void requireWritableOutput(const fs::path& path, const ExporterInfo& exporter, bool replace) {
  const fs::path output = withoutTrailingSlash(path);
  if (!exporter.writesFolder) requireSuffix(output, exporter.suffix, "--format " + exporter.id);
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(output, ignored))) {
    if (!replace) throw requestError(output.string(), "exists already; --force replaces it");
    if (fs::is_directory(output, ignored) != exporter.writesFolder && fs::exists(output, ignored))
      throw requestError(output.string(), exporter.writesFolder ? "is a file, the format writes a folder"
                                                                : "is a folder, the format writes a file");
    if (exporter.writesFolder) requireReplaceableFolder(output, replace);
  }
  requireWritableParent(output);
}

void requireSuffix(const fs::path& path, const std::string& suffix, const std::string& writer) {
  if (path.has_extension() && path.extension() != suffix)
    throw requestError(path.string(),
                       writer + " writes a file whose name ends in " + suffix + ", by which it is opened again");
}

void warnWithoutSuffix(const fs::path& path, const std::string& suffix) {
  const auto readers = allReaders();
  if (std::any_of(readers.begin(), readers.end(), [&path](const ReaderInfo& reader) { return reader.accepts(path); }))
    return;
  printNote("warning: " + path.string() + ": rename it to a name that ends in " + suffix +
            ", by which it is opened again");
}

void requireSeparateFiles(std::span<const NamedPath> outputs, std::span<const NamedPath> inputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (const NamedPath& input : inputs) requireSeparate(outputs[i], input);
    for (std::size_t j = 0; j < outputs.size(); ++j)
      if (i != j) requireSeparate(outputs[i], outputs[j]);
  }
}

void requireOutsideModel(std::span<const NamedPath> outputs, const Checkpoint& model) {
  for (const NamedPath& output : outputs)
    if (!output.path.empty() && !isDevice(output.path) && isOfModel(output, model))
      throw requestError(output.path.string(),
                         output.option + " would replace what belongs to the model itself; choose another output");
}

}  // namespace qs::cli
