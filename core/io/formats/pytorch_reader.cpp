#include "core/io/formats/pytorch_reader.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/io/formats/model_folder.h"
#include "core/io/importers/importer.h"
#include "core/io/pickle/tensor_collector.h"
#include "core/io/strided_tensor.h"
#include "core/io/zip_archive.h"

namespace qs {

namespace {

constexpr std::string_view kPickleName = "data.pkl";
constexpr std::string_view kZipMagic{"PK\x03\x04", 4};
// The pickled number that the older, plain format begins with.
constexpr std::string_view kOldMagic{"\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19", 12};
constexpr std::size_t kProtocolBytes = 2;
// Memory that the pickle may describe: in proportion to the file, with room for a small one's names.
constexpr std::uint64_t kBudgetFactor = 2;
constexpr std::uint64_t kBudgetFloor = std::uint64_t{2} << 20U;

void requireArchive(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes().first(std::min<std::size_t>(file->size(), 64));
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (start.size() > kProtocolBytes && start.substr(kProtocolBytes).starts_with(kOldMagic))
    throw inputError(path.string(),
                     "is in PyTorch's format of before 2020: load it there and save it again, best as safetensors");
  if (!start.starts_with(kZipMagic))
    throw mismatchError(path.string(), "magic", "a zip archive of PyTorch", "other bytes");
}

/// An archive whose one folder holds data.pkl and the storages.
class TorchArchive {
 public:
  explicit TorchArchive(const std::filesystem::path& path) : m_archive(ZipArchive::open(path)) {
    for (const ZipMember& member : m_archive->members()) {
      const std::size_t slash = member.name.find('/');
      if (slash == std::string::npos || member.name.substr(slash + 1) != kPickleName) continue;
      if (!m_root.empty()) throw inputError(path.string(), "data.pkl: occurs twice, in different folders");
      m_root = member.name.substr(0, slash + 1);
    }
    if (m_root.empty()) throw mismatchError(path.string(), "data.pkl", "one in the archive's folder", "none");
    m_isBigEndian = readByteOrder();
  }

  [[nodiscard]] std::string_view pickle() const { return text(stored(m_root + std::string(kPickleName))); }
  [[nodiscard]] std::string pickleSubject() const { return path() + ": " + m_root + std::string(kPickleName); }
  [[nodiscard]] std::string path() const { return m_archive->file()->path().string(); }
  [[nodiscard]] const std::shared_ptr<const MappedFile>& file() const { return m_archive->file(); }
  [[nodiscard]] bool isBigEndian() const { return m_isBigEndian; }
  [[nodiscard]] std::span<const std::byte> storage(std::string_view key) const {
    return stored(m_root + "data/" + std::string(key)).bytes;
  }

 private:
  [[nodiscard]] const ZipMember& stored(const std::string& name) const {
    const ZipMember* const member = m_archive->find(name);
    if (member == nullptr) throw inputError(path(), "member '" + name + "' is missing");
    if (!member->isStored) throw mismatchError(m_archive->subject(*member), "compression", "stored", "deflated");
    return *member;
  }
  static std::string_view text(const ZipMember& member) {
    return {reinterpret_cast<const char*>(member.bytes.data()), member.bytes.size()};
  }
  [[nodiscard]] bool readByteOrder() const {
    if (m_archive->find(m_root + "byteorder") == nullptr) return false;
    const ZipMember& member = stored(m_root + "byteorder");
    if (text(member) == "little") return false;
    if (text(member) == "big") return true;
    throw mismatchError(m_archive->subject(member), "byte order", "little or big",
                        "'" + std::string(text(member).substr(0, 16)) + "'");
  }

  std::shared_ptr<const ZipArchive> m_archive;
  std::string m_root;
  bool m_isBigEndian = false;
};

// The storage's bytes: as many as it claims elements, all of them there.
std::span<const std::byte> storageBytes(const TorchArchive& archive, const TorchTensor& tensor,
                                        const std::string& subject) {
  const std::span<const std::byte> bytes = archive.storage(tensor.storage.key);
  const std::optional<std::uint64_t> claimed =
      byteSize(tensor.storage.isUntyped ? DType::U8 : tensor.dtype, tensor.storage.count);
  if (!claimed || *claimed > bytes.size())
    throw mismatchError(subject, "storage " + std::string(tensor.storage.key.substr(0, 32)),
                        std::to_string(tensor.storage.count) + " elements as the pickle says",
                        std::to_string(bytes.size()) + " bytes");
  return bytes.first(*claimed);
}

CheckpointTensor viewOf(const TorchArchive& archive, const NamedTorchTensor& named) {
  const TorchTensor& tensor = *named.tensor;
  const std::string subject = archive.path() + ": tensor '" + named.name + "'";
  const std::span<const std::byte> bytes = storageBytes(archive, tensor, subject);
  const auto width = static_cast<std::uint64_t>(traits(tensor.dtype).bits / 8);
  const std::uint64_t available = bytes.size() / width;
  StridedLayout layout{tensor.dtype, tensor.shape, tensor.strides, archive.isBigEndian() && width > 1};
  const std::optional<std::uint64_t> elements = elementCount(tensor.shape);
  const std::optional<std::uint64_t> extent = layout.extent();
  // A view may leave elements out, never repeat them: else a few bytes would stand for any number of elements.
  if (!elements || *elements > available)
    throw mismatchError(subject, "shape", "at most the storage's " + std::to_string(available) + " elements",
                        toText(tensor.shape));
  if (!extent || *extent > available || tensor.offset > available - *extent)
    throw mismatchError(subject, "offset and strides",
                        "a view within the storage's " + std::to_string(available) + " elements",
                        "offset " + std::to_string(tensor.offset) + ", shape " + toText(tensor.shape));
  CheckpointTensor view;
  view.info = {.name = named.name,
               .dtype = tensor.dtype,
               .shape = tensor.shape,
               .elements = *elements,
               .bytes = *elements * width,
               .storedScheme = {}};
  view.file = archive.file()->path().filename().string();
  view.source = mappedSource(archive.file(), std::move(layout), bytes.subspan(tensor.offset * width, *extent * width));
  return view;
}

}  // namespace

WeightsFile readPytorchFile(const std::filesystem::path& path) {
  requireArchive(path);
  const TorchArchive archive(path);
  MemoryBudget budget(kBudgetFloor + kBudgetFactor * archive.file()->size(), archive.pickleSubject());
  TorchPickle host(archive.pickleSubject());
  PickleMachine machine(archive.pickle(), archive.pickleSubject(), host, budget);
  const PickleValue root = machine.run();
  WeightsFile file;
  for (const NamedTorchTensor& named : TensorCollector(machine, host, budget, archive.pickleSubject()).collect(root))
    file.tensors.push_back(viewOf(archive, named));
  if (file.tensors.empty()) throw mismatchError(archive.pickleSubject(), "contents", "a dictionary of tensors", "none");
  return file;
}

bool acceptsPytorch(const std::filesystem::path& path) {
  constexpr std::array kSuffixes{".pt", ".pth", ".bin", ".ckpt"};
  const std::filesystem::path suffix = path.extension();
  return std::any_of(kSuffixes.begin(), kSuffixes.end(), [&](const char* known) { return suffix == known; });
}

std::shared_ptr<const Checkpoint> openPytorch(const std::filesystem::path& path) {
  WeightsFile file = readPytorchFile(path);
  Checkpoint::Contents contents{.path = path,
                                .format = "PyTorch",
                                .tensors = std::move(file.tensors),
                                .metadata = std::move(file.metadata),
                                .files = {path}};
  if (!isShardName(path.filename().string())) {
    addModelFolder(path.parent_path(), contents);
    importQuantizedLayers(contents);
  }
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace qs
