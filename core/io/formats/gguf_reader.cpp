#include "core/io/formats/gguf_reader.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "core/base/error.h"
#include "core/io/formats/gguf_config.h"
#include "core/io/formats/gguf_names.h"
#include "core/io/formats/gguf_sources.h"
#include "core/io/formats/gguf_split.h"
#include "core/io/stored_tensor.h"
#include "core/kernels/block_decode.h"

namespace qs {

namespace {

// What the transforms need of the model.
struct Heads {
  std::size_t query = 0;
  std::size_t key = 0;
};

Heads headsOf(const GgufFile& gguf) {
  const auto query = gguf.metadata->integer("llama.attention.head_count").value_or(0);
  const auto key = gguf.metadata->integer("llama.attention.head_count_kv").value_or(query);
  return {query > 0 ? static_cast<std::size_t>(query) : 0, key > 0 ? static_cast<std::size_t>(key) : 0};
}

std::shared_ptr<const TensorSource> plainSource(const GgufTensor& tensor) {
  if (isBlockType(tensor.info.dtype)) return blockSource(tensor.file, tensor.info.dtype, tensor.bytes);
  return std::make_shared<const StoredTensor>(tensor.file, tensor.info.dtype, tensor.info.shape, tensor.bytes);
}

std::shared_ptr<const TensorSource> unpermuted(std::shared_ptr<const TensorSource> source, const TensorInfo& info,
                                               std::size_t heads, const std::string& file) {
  const std::size_t rows = info.shape.empty() ? 0 : info.shape.front();
  if (heads == 0 || rows == 0 || rows % (2 * heads) != 0)
    throw mismatchError(file + ": " + info.name, "rows",
                        "an even number for each of " + std::to_string(heads) + " heads", std::to_string(rows));
  return unpermutedSource(std::move(source), rows, info.elements / rows, heads);
}

CheckpointTensor makeTensor(const GgufTensor& tensor, const std::string& architecture, Heads heads) {
  CheckpointTensor result{.info = tensor.info, .file = tensor.file->path().filename().string()};
  std::shared_ptr<const TensorSource> source = plainSource(tensor);
  const GgufName name = hasKnownNames(architecture) ? huggingFaceName(architecture, tensor.info.name)
                                                    : GgufName{.name = tensor.info.name};
  switch (name.transform) {
    case GgufTransform::None:
      break;
    case GgufTransform::UnpermuteQuery:
      source = unpermuted(std::move(source), tensor.info, heads.query, tensor.file->path().string());
      break;
    case GgufTransform::UnpermuteKey:
      source = unpermuted(std::move(source), tensor.info, heads.key, tensor.file->path().string());
      break;
    case GgufTransform::Transpose:
      if (tensor.info.shape.size() == 2) {
        source = transposedSource(std::move(source), tensor.info.shape[0], tensor.info.shape[1]);
        std::swap(result.info.shape[0], result.info.shape[1]);
      }
      break;
    case GgufTransform::MinusOne:
      source = minusOneSource(std::move(source));
      break;
  }
  result.info.name = name.name;
  result.source = std::move(source);
  return result;
}

}  // namespace

bool acceptsGguf(const std::filesystem::path& path) {
  if (path.extension() == ".gguf") return true;
  std::array<char, 4> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
  return std::string_view(magic.data(), magic.size()) == "GGUF";
}

std::shared_ptr<const Checkpoint> openGguf(const std::filesystem::path& path) {
  GgufModel model = readGgufModel(path);
  const GgufFile& gguf = model.gguf;
  const std::string architecture = gguf.metadata->text("general.architecture").value_or("");
  Checkpoint::Contents contents{
      .path = path, .format = "GGUF", .configJson = configFromGguf(gguf), .files = std::move(model.files)};
  for (const auto& [key, value] : gguf.metadata->values()) contents.metadata[key] = gguf.metadata->shown(value);
  contents.gguf = gguf.metadata;
  const Heads heads = headsOf(gguf);
  for (const GgufTensor& tensor : gguf.tensors) contents.tensors.push_back(makeTensor(tensor, architecture, heads));
  if (!architecture.empty() && !hasKnownNames(architecture))
    contents.warnings.push_back("architecture \"" + architecture + "\" is not known: tensors keep their GGUF names");
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace qs
