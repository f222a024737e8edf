#include "core/io/formats/safetensors_reader.h"

#include <cstring>

#include "core/base/byte_order.h"
#include "core/base/error.h"
#include "core/io/formats/model_folder.h"
#include "core/io/formats/safetensors_header.h"
#include "core/io/importers/importer.h"
#include "core/io/mapped_file.h"
#include "core/io/stored_tensor.h"

namespace qs {

namespace {

constexpr std::uint64_t kLengthBytes = 8;

std::uint64_t headerLength(const MappedFile& file, const std::string& name) {
  if (file.size() < kLengthBytes)
    throw mismatchError(name, "file size", "at least 8 bytes", std::to_string(file.size()));
  std::uint64_t length = 0;  // little-endian (byte_order.h)
  std::memcpy(&length, file.bytes().data(), sizeof(length));
  if (length > kMaximumSafetensorsHeader)
    throw mismatchError(name, "header length", "at most " + std::to_string(kMaximumSafetensorsHeader),
                        std::to_string(length));
  if (length > file.size() - kLengthBytes)
    throw mismatchError(name, "header length",
                        "at most the " + std::to_string(file.size() - kLengthBytes) + " bytes that follow",
                        std::to_string(length));
  return length;
}

}  // namespace

WeightsFile readSafetensorsFile(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const std::string name = path.string();
  const std::uint64_t length = headerLength(*file, name);
  const auto json = file->bytes(kLengthBytes, length);
  const auto data = file->bytes().subspan(kLengthBytes + length);
  SafetensorsHeader header =
      parseSafetensorsHeader({reinterpret_cast<const char*>(json.data()), json.size()}, data.size(), name);
  WeightsFile result;
  result.metadata = std::move(header.metadata);
  result.tensors.reserve(header.entries.size());
  const std::string fileName = path.filename().string();
  for (SafetensorsEntry& entry : header.entries) {
    auto source = std::make_shared<StoredTensor>(file, entry.info.dtype, entry.info.shape,
                                                 data.subspan(entry.begin, entry.end - entry.begin));
    result.tensors.push_back({std::move(entry.info), std::move(source), fileName});
  }
  file->release(file->bytes(0, kLengthBytes + length));
  return result;
}

bool acceptsSafetensors(const std::filesystem::path& path) { return path.extension() == ".safetensors"; }

std::shared_ptr<const Checkpoint> openSafetensors(const std::filesystem::path& path) {
  WeightsFile file = readSafetensorsFile(path);
  Checkpoint::Contents contents{.path = path,
                                .format = "safetensors",
                                .tensors = std::move(file.tensors),
                                .configJson = {},
                                .metadata = std::move(file.metadata),
                                .files = {path},
                                .tokenizerFolder = {},
                                .warnings = {}};
  if (!isShardName(path.filename().string())) {
    addModelFolder(path.parent_path(), contents);
    importQuantizedLayers(contents);
  }
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace qs
