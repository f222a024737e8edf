#include "core/io/formats/npy_reader.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/io/formats/npy_header.h"
#include "core/io/formats/npz_tensor.h"
#include "core/io/strided_tensor.h"
#include "core/io/zip_archive.h"

namespace qs {

namespace {

constexpr std::string_view kSuffix = ".npy";
constexpr std::uint64_t kMostInflation = 4;
constexpr std::uint64_t kSmallMember = std::uint64_t{1} << 20U;

void noteBfloat16(const NpyHeader& header, const std::string& subject, Checkpoint::Contents& contents) {
  if (header.isBfloat16)
    contents.warnings.push_back(subject + ": two-byte elements without a number type are read as BF16");
}

TensorInfo infoOf(std::string name, const NpyHeader& header) {
  return {.name = std::move(name),
          .dtype = header.layout.dtype,
          .shape = header.layout.shape,
          .elements = header.elements,
          .bytes = header.dataBytes,
          .storedScheme = {}};
}

// What a member claims to inflate to decides how much memory is taken: it must be in proportion to the file.
void requireModest(const ZipArchive& archive, const ZipMember& member) {
  const std::uint64_t most = std::max(kSmallMember, archive.file()->size() * kMostInflation);
  if (!member.isStored && member.size > most)
    throw mismatchError(archive.subject(member), "inflated size",
                        "at most " + std::to_string(most) + " bytes, four times the file", std::to_string(member.size));
}

CheckpointTensor memberTensor(const std::shared_ptr<const ZipArchive>& archive, const ZipMember& member,
                              Checkpoint::Contents& contents) {
  const std::string subject = archive->subject(member);
  requireModest(*archive, member);
  NpyHeader header = member.isStored ? parseNpyHeader(member.bytes, subject)
                                     : parseNpyHeader(archive->head(member, kLongestNpyHeader), subject);
  if (member.size - header.dataOffset != header.dataBytes)
    throw mismatchError(subject, "size", std::to_string(header.dataBytes) + " bytes of data as the shape says",
                        std::to_string(member.size - header.dataOffset));
  noteBfloat16(header, subject, contents);
  CheckpointTensor tensor;
  tensor.info = infoOf(member.name.substr(0, member.name.size() - kSuffix.size()), header);
  tensor.file = contents.path.filename().string();
  tensor.source = std::make_shared<const NpzTensor>(archive, member, std::move(header));
  return tensor;
}

}  // namespace

bool acceptsNpy(const std::filesystem::path& path) { return path.extension() == kSuffix; }

std::shared_ptr<const Checkpoint> openNpy(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  NpyHeader header = parseNpyHeader(file->bytes(), path.string());
  const std::uint64_t available = file->size() - header.dataOffset;
  if (available < header.dataBytes)
    throw mismatchError(path.string(), "size", std::to_string(header.dataBytes) + " bytes of data as the shape says",
                        std::to_string(available));
  Checkpoint::Contents contents{.path = path, .format = "NumPy", .files = {path}};
  noteBfloat16(header, path.string(), contents);
  if (available > header.dataBytes)
    contents.warnings.push_back(path.string() + ": " + std::to_string(available - header.dataBytes) +
                                " bytes behind the array are not shown");
  CheckpointTensor tensor{.info = infoOf(path.stem().string(), header), .file = path.filename().string()};
  const auto bytes = file->bytes(header.dataOffset, header.dataBytes);
  tensor.source = mappedSource(file, std::move(header.layout), bytes);
  contents.tensors.push_back(std::move(tensor));
  return std::make_shared<const Checkpoint>(std::move(contents));
}

bool acceptsNpz(const std::filesystem::path& path) { return path.extension() == ".npz"; }

std::shared_ptr<const Checkpoint> openNpz(const std::filesystem::path& path) {
  const auto archive = ZipArchive::open(path);
  Checkpoint::Contents contents{.path = path, .format = "NumPy", .files = {path}};
  for (const ZipMember& member : archive->members()) {
    if (!member.name.ends_with(kSuffix))
      throw mismatchError(path.string(), "member", "names that end in .npy", "'" + member.name + "'");
    contents.tensors.push_back(memberTensor(archive, member, contents));
  }
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace qs
