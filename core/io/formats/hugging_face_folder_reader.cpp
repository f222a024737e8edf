#include "core/io/formats/hugging_face_folder_reader.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "core/base/error.h"
#include "core/io/formats/model_folder.h"
#include "core/io/formats/safetensors_reader.h"
#include "core/io/importers/importer.h"
#include "core/io/strict_json.h"

namespace qs {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaximumIndexBytes = std::uint64_t{256} << 20U;
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

using WeightMap = std::map<std::string, std::string>;  // tensor → shard

bool isPlainName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

WeightMap readIndex(const fs::path& path) {
  const std::string subject = path.string();
  const nlohmann::json index = parseStrictJson(readTextFile(path, kMaximumIndexBytes), subject);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    throw mismatchError(subject, "weight_map", "an object", "none");
  WeightMap map;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    const std::string field = "weight_map of tensor '" + tensor + "'";
    if (!shard.is_string()) throw mismatchError(subject, field, "a file name", shard.dump());
    auto name = shard.get<std::string>();
    if (!isPlainName(name)) throw mismatchError(subject, field, "a plain file name in the same folder", shard.dump());
    map.emplace(tensor, std::move(name));
  }
  if (map.empty()) throw mismatchError(subject, "weight_map", "at least one tensor", "none");
  return map;
}

std::vector<fs::path> safetensorsFiles(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure))
    if (acceptsSafetensors(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void addFile(const fs::path& path, Checkpoint::Contents& contents) {
  SafetensorsFile file = readSafetensorsFile(path);
  contents.files.push_back(path);
  contents.metadata.insert(file.metadata.begin(), file.metadata.end());
  std::move(file.tensors.begin(), file.tensors.end(), std::back_inserter(contents.tensors));
}

// Takes from a shard what the index assigns to it; the rest is left out with a warning.
void addShard(const fs::path& folder, const std::string& shard, const WeightMap& map, Checkpoint::Contents& contents) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / shard, ignored))
    throw inputError((folder / kIndexFile).string(),
                     "weight_map: shard '" + shard +
                         (fs::exists(folder / shard, ignored) ? "' is not a regular file" : "' is missing"));
  SafetensorsFile file = readSafetensorsFile(folder / shard);
  contents.files.push_back(folder / shard);
  contents.metadata.insert(file.metadata.begin(), file.metadata.end());
  std::size_t unlisted = 0;
  for (CheckpointTensor& tensor : file.tensors) {
    const auto listed = map.find(tensor.info.name);
    if (listed != map.end() && listed->second == shard)
      contents.tensors.push_back(std::move(tensor));
    else
      ++unlisted;
  }
  if (unlisted > 0)
    contents.warnings.push_back(shard + ": " + std::to_string(unlisted) + " tensors that the index doesn't list");
}

void requireAllListed(const fs::path& index, const WeightMap& map, const Checkpoint::Contents& contents) {
  std::set<std::string_view> found;
  for (const CheckpointTensor& tensor : contents.tensors) found.insert(tensor.info.name);
  for (const auto& [tensor, shard] : map)
    if (!found.contains(tensor))
      throw inputError(index.string(), "weight_map: tensor '" + tensor + "' is not in shard '" + shard + "'");
}

std::shared_ptr<const Checkpoint> openShards(const fs::path& folder, Checkpoint::Contents contents) {
  const WeightMap map = readIndex(folder / kIndexFile);
  std::map<std::string, bool> shards;
  for (const auto& [tensor, shard] : map) shards.emplace(shard, true);
  for (const auto& [shard, used] : shards) addShard(folder, shard, map, contents);
  requireAllListed(folder / kIndexFile, map, contents);
  importQuantizedLayers(contents);
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace

bool acceptsHuggingFaceFolder(const fs::path& path) {
  std::error_code failure;
  if (!fs::is_directory(path, failure)) return false;
  return fs::exists(path / kIndexFile, failure) || !safetensorsFiles(path).empty();
}

std::shared_ptr<const Checkpoint> openHuggingFaceFolder(const fs::path& path) {
  Checkpoint::Contents contents{.path = path,
                                .format = "safetensors",
                                .tensors = {},
                                .configJson = {},
                                .metadata = {},
                                .files = {},
                                .tokenizerFolder = {},
                                .warnings = {}};
  addModelFolder(path, contents);
  std::error_code ignored;
  if (fs::exists(path / kSingleFile, ignored))
    addFile(path / kSingleFile, contents);
  else if (fs::exists(path / kIndexFile, ignored))
    return openShards(path, std::move(contents));
  else
    for (const fs::path& file : safetensorsFiles(path)) addFile(file, contents);
  importQuantizedLayers(contents);
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace qs
