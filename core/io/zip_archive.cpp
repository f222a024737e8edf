#include "core/io/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::size_t kPieceBytes = 65536;
constexpr std::uint64_t kEndRecordBytes = 22;

// libzip's view of the mapped file. It also remembers where the last read began: that is how a member's place in the
// file becomes known, which libzip doesn't tell.
struct MappedSource {
  std::span<const std::byte> bytes;
  std::uint64_t position = 0;
  std::uint64_t lastRead = 0;
  zip_error_t error{};

  zip_int64_t read(void* data, zip_uint64_t length) {
    lastRead = position;
    const std::uint64_t count = std::min<std::uint64_t>(length, bytes.size() - position);
    if (count > 0) std::memcpy(data, bytes.data() + position, count);
    position += count;
    return static_cast<zip_int64_t>(count);
  }

  zip_int64_t seek(void* data, zip_uint64_t length) {
    const zip_int64_t target = zip_source_seek_compute_offset(position, bytes.size(), data, length, &error);
    if (target < 0) return -1;
    position = static_cast<std::uint64_t>(target);
    return 0;
  }

  zip_int64_t stat(void* data) const {
    auto* const status = static_cast<zip_stat_t*>(data);
    zip_stat_init(status);
    status->size = bytes.size();
    status->valid |= ZIP_STAT_SIZE;
    return sizeof(zip_stat_t);
  }
};

zip_int64_t serve(void* user, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  auto& source = *static_cast<MappedSource*>(user);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      source.position = 0;
      return 0;
    case ZIP_SOURCE_READ:
      return source.read(data, length);
    case ZIP_SOURCE_SEEK:
      return source.seek(data, length);
    case ZIP_SOURCE_TELL:
      return static_cast<zip_int64_t>(source.position);
    case ZIP_SOURCE_STAT:
      return source.stat(data);
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&source.error, data, length);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
      return 0;
    case ZIP_SOURCE_SUPPORTS:
      return ZIP_SOURCE_SUPPORTS_SEEKABLE;
    default:
      zip_error_set(&source.error, ZIP_ER_OPNOTSUPP, 0);
      return -1;
  }
}

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using OpenFile = std::unique_ptr<zip_file_t, CloseFile>;

}  // namespace

class ZipArchive::Handle {
 public:
  explicit Handle(std::shared_ptr<const MappedFile> mapped) : file(std::move(mapped)), m_source{file->bytes()} {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const source = zip_source_function_create(serve, &m_source, &error);
    if (source == nullptr) throw inputError(file->path().string(), "can't be read as a zip archive");
    m_zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (m_zip != nullptr) return;
    const std::string reason = zip_error_strerror(&error);
    zip_source_free(source);
    zip_error_fini(&error);
    throw inputError(file->path().string(), "can't be read as a zip archive: " + reason);
  }
  ~Handle() { zip_discard(m_zip); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle(Handle&&) = delete;
  Handle& operator=(Handle&&) = delete;

  void list() {
    const zip_int64_t count = zip_get_num_entries(m_zip, 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      ZipMember member = memberAt(static_cast<std::size_t>(i));
      if (!indexByName.emplace(member.name, members.size()).second)
        throw inputError(file->path().string(), "member '" + member.name + "' occurs twice");
      members.push_back(std::move(member));
    }
  }

  // Contents from their beginning into `out`; how many there were.
  std::size_t read(const ZipMember& member, std::span<std::byte> out) {
    const OpenFile opened = openMember(member, 0);
    std::size_t done = 0;
    while (done < out.size()) {
      const std::size_t count = piece(member, opened.get(), out.subspan(done));
      if (count == 0) break;
      done += count;
    }
    // libzip compares the CRC when it meets the end.
    std::byte beyond{};
    if (out.size() >= member.size && piece(member, opened.get(), {&beyond, 1}) != 0)
      throw mismatchError(subject(member), "size", std::to_string(member.size), "more");
    return done;
  }

  void readThrough(const ZipMember& member) {
    const OpenFile opened = openMember(member, 0);
    std::vector<std::byte> buffer(kPieceBytes);
    std::uint64_t total = 0;
    while (const std::size_t count = piece(member, opened.get(), buffer)) total += count;
    if (total != member.size)
      throw mismatchError(subject(member), "size", std::to_string(member.size), std::to_string(total));
  }

  [[nodiscard]] std::string subject(const ZipMember& member) const {
    return file->path().string() + ": " + member.name;
  }

  std::shared_ptr<const MappedFile> file;
  std::vector<ZipMember> members;
  std::map<std::string, std::size_t, std::less<>> indexByName;
  std::mutex mutex;

 private:
  ZipMember memberAt(std::size_t index) {
    ZipMember member{.index = index};
    const char* const name = zip_get_name(m_zip, index, ZIP_FL_ENC_RAW);
    if (name != nullptr) member.name = name;
    zip_stat_t status;
    zip_stat_init(&status);
    if (zip_stat_index(m_zip, index, 0, &status) != 0)
      throw inputError(subject(member), std::string("can't be read: ") + zip_strerror(m_zip));
    if (status.encryption_method != ZIP_EM_NONE)
      throw mismatchError(subject(member), "encryption", "none", std::to_string(status.encryption_method));
    if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)
      throw mismatchError(subject(member), "compression method", "0 (stored) or 8 (deflated)",
                          std::to_string(status.comp_method));
    member.size = status.size;
    member.isStored = status.comp_method == ZIP_CM_STORE;
    if (member.isStored && status.comp_size != status.size)
      throw mismatchError(subject(member), "stored size", std::to_string(status.size),
                          std::to_string(status.comp_size));
    if (status.comp_size > 0) member.bytes = placeOf(member, status.comp_size);
    return member;
  }

  std::span<const std::byte> placeOf(const ZipMember& member, std::uint64_t length) {
    const OpenFile opened = openMember(member, ZIP_FL_COMPRESSED);
    std::byte first{};
    if (piece(member, opened.get(), {&first, 1}) != 1 || m_source.lastRead > file->size() ||
        length > file->size() - m_source.lastRead)
      throw mismatchError(subject(member), "size", "bytes within the file's " + std::to_string(file->size()),
                          std::to_string(length));
    return file->bytes(m_source.lastRead, length);
  }

  OpenFile openMember(const ZipMember& member, zip_flags_t flags) {
    OpenFile opened(zip_fopen_index(m_zip, member.index, flags));
    if (!opened) throw inputError(subject(member), std::string("can't be read: ") + zip_strerror(m_zip));
    return opened;
  }

  std::size_t piece(const ZipMember& member, zip_file_t* opened, std::span<std::byte> out) const {
    const zip_int64_t count = zip_fread(opened, out.data(), out.size());
    if (count < 0)
      throw inputError(subject(member),
                       std::string("contents: damaged: ") + zip_error_strerror(zip_file_get_error(opened)));
    return static_cast<std::size_t>(count);
  }

  MappedSource m_source;
  zip_t* m_zip = nullptr;
};

std::shared_ptr<const ZipArchive> ZipArchive::open(const std::filesystem::path& path) {
  auto mapped = MappedFile::open(path);
  // libzip takes an empty file for an empty archive.
  if (mapped->size() < kEndRecordBytes)
    throw mismatchError(path.string(), "file size", "at least the 22 bytes of a zip archive's end",
                        std::to_string(mapped->size()));
  auto handle = std::make_unique<Handle>(std::move(mapped));
  handle->list();
  return std::shared_ptr<const ZipArchive>(new ZipArchive(std::move(handle)));
}

ZipArchive::ZipArchive(std::unique_ptr<Handle> handle) : m_handle(std::move(handle)) {}
ZipArchive::~ZipArchive() = default;

const std::shared_ptr<const MappedFile>& ZipArchive::file() const { return m_handle->file; }

const std::vector<ZipMember>& ZipArchive::members() const { return m_handle->members; }

const ZipMember* ZipArchive::find(std::string_view name) const {
  const auto found = m_handle->indexByName.find(name);
  return found == m_handle->indexByName.end() ? nullptr : &m_handle->members[found->second];
}

std::string ZipArchive::subject(const ZipMember& member) const { return m_handle->subject(member); }

std::vector<std::byte> ZipArchive::head(const ZipMember& member, std::size_t count) const {
  const std::lock_guard lock(m_handle->mutex);
  std::vector<std::byte> bytes(std::min<std::uint64_t>(count, member.size));
  bytes.resize(m_handle->read(member, bytes));
  return bytes;
}

std::vector<std::byte> ZipArchive::contents(const ZipMember& member) const {
  const std::lock_guard lock(m_handle->mutex);
  std::vector<std::byte> bytes(member.size);
  const std::size_t count = m_handle->read(member, bytes);
  if (count != member.size)
    throw mismatchError(subject(member), "size", std::to_string(member.size), std::to_string(count));
  return bytes;
}

void ZipArchive::requireIntact(const ZipMember& member) const {
  const std::lock_guard lock(m_handle->mutex);
  m_handle->readThrough(member);
}

}  // namespace qs
