#include "core/session/fingerprint.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "core/session/run_store.h"

namespace qs {

namespace {

constexpr std::uint64_t kHeadBytes = 64 * 1024;
constexpr std::uint64_t kPieceBytes = 4 * 1024;
constexpr std::uint64_t kPieces = 16;

void addBytesAt(std::ifstream& stream, std::uint64_t offset, std::uint64_t count, Hash64& hash) {
  std::vector<char> bytes(count);
  stream.clear();
  stream.seekg(static_cast<std::streamoff>(offset));
  stream.read(bytes.data(), static_cast<std::streamsize>(count));
  const auto got = static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0));
  hash.add(std::as_bytes(std::span(bytes.data(), got)));
}

}  // namespace

void addFileFingerprint(const std::filesystem::path& path, Hash64& hash) {
  hash.add(path.filename().string());
  std::error_code failed;
  const std::uint64_t size = std::filesystem::file_size(path, failed);
  if (failed) return;
  const auto time = std::filesystem::last_write_time(path, failed).time_since_epoch().count();
  hash.add(size);
  hash.add(static_cast<std::uint64_t>(time));
  std::ifstream stream(path, std::ios::binary);
  addBytesAt(stream, 0, std::min(size, kHeadBytes), hash);
  if (size <= kHeadBytes) return;
  for (std::uint64_t piece = 1; piece <= kPieces; ++piece)
    addBytesAt(stream, (size - kPieceBytes) / kPieces * piece, kPieceBytes, hash);
}

std::string modelFingerprint(const Checkpoint& model) {
  Hash64 hash;
  for (const std::filesystem::path& file : model.contents().files) addFileFingerprint(file, hash);
  hash.add(model.contents().configJson);
  for (const CheckpointTensor& tensor : model.tensors()) {
    hash.add(tensor.info.name);
    hash.add(static_cast<std::uint64_t>(tensor.info.dtype));
    for (const std::uint64_t dimension : tensor.info.shape) hash.add(dimension);
  }
  return hash.toText();
}

}  // namespace qs
