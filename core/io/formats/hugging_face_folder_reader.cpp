#include "core/io/formats/hugging_face_folder_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/formats/model_folder.h"
#include "core/io/formats/pytorch_reader.h"
#include "core/io/formats/safetensors_reader.h"
#include "core/io/importers/importer.h"
#include "core/io/strict_json.h"

namespace qs {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaximumIndexBytes = std::uint64_t{256} << 20U;

// The ways in which a folder holds its weights; the first that is there counts.
struct Kind {
  const char* format;
  const char* singleFile;
  const char* indexFile;
  bool (*accepts)(const fs::path&);
  WeightsFile (*read)(const fs::path&);
};
constexpr std::array kKinds{
    Kind{"safetensors", "model.safetensors", "model.safetensors.index.json", acceptsSafetensors, readSafetensorsFile},
    Kind{"PyTorch", "pytorch_model.bin", "pytorch_model.bin.index.json", acceptsPytorch, readPytorchFile},
};

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

// The kind of weights that the folder holds. PyTorch's are known by their customary names only: other files of theirs,
// such as an optimizer's state, are no model.
const Kind* kindOf(const fs::path& folder) {
  std::error_code failure;
  for (const Kind& kind : kKinds)
    if (fs::exists(folder / kind.singleFile, failure) || fs::exists(folder / kind.indexFile, failure)) return &kind;
  return safetensorsFiles(folder).empty() ? nullptr : &kKinds.front();
}

void addFile(const fs::path& path, const Kind& kind, Checkpoint::Contents& contents) {
  WeightsFile file = kind.read(path);
  contents.files.push_back(path);
  contents.metadata.insert(file.metadata.begin(), file.metadata.end());
  std::move(file.tensors.begin(), file.tensors.end(), std::back_inserter(contents.tensors));
}

// Takes from a shard what the index assigns to it; the rest is left out with a warning.
void addShard(const fs::path& folder, const std::string& shard, const WeightMap& map, const Kind& kind,
              Checkpoint::Contents& contents) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / shard, ignored))
    throw inputError((folder / kind.indexFile).string(),
                     "weight_map: shard '" + shard +
                         (fs::exists(folder / shard, ignored) ? "' is not a regular file" : "' is missing"));
  WeightsFile file = kind.read(folder / shard);
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

void addShards(const fs::path& folder, const Kind& kind, Checkpoint::Contents& contents) {
  const WeightMap map = readIndex(folder / kind.indexFile);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map) shards.insert(shard);
  for (const std::string& shard : shards) addShard(folder, shard, map, kind, contents);
  requireAllListed(folder / kind.indexFile, map, contents);
}

}  // namespace

bool acceptsHuggingFaceFolder(const fs::path& path) {
  std::error_code failure;
  return fs::is_directory(path, failure) && kindOf(path) != nullptr;
}

std::shared_ptr<const Checkpoint> openHuggingFaceFolder(const fs::path& path) {
  const Kind* const kind = kindOf(path);
  if (kind == nullptr) throw inputError(path.string(), "the folder holds no model weights");
  Checkpoint::Contents contents{.path = path, .format = kind->format};
  addModelFolder(path, contents);
  std::error_code ignored;
  if (fs::exists(path / kind->singleFile, ignored))
    addFile(path / kind->singleFile, *kind, contents);
  else if (fs::exists(path / kind->indexFile, ignored))
    addShards(path, *kind, contents);
  else
    for (const fs::path& file : safetensorsFiles(path)) addFile(file, *kind, contents);
  importQuantizedLayers(contents);
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace qs
