#include "core/session/run_store.h"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/direct_file.h"
#include "core/session/atomic_file.h"
#include "core/session/fingerprint.h"
#include "core/session/layer_file.h"
#include "core/session/request_json.h"

namespace qs {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".layer";
constexpr std::string_view kStoppedPrefix = "stopped-";
constexpr const char* kLockFile = ".lock";
constexpr const char* kVectorsFile = "trained.vectors";
constexpr std::size_t kHashDigits = 16;
constexpr std::size_t kLongestName = 180;  // file systems take 255 bytes; aside names add to it

std::string keyOf(const Checkpoint& model, const QuantRequest& request) {
  Hash64 hash;
  hash.add(modelFingerprint(model));
  hash.add(toJson(request).dump());
  for (const fs::path& file : {request.calibration.activationsFile, request.calibration.textFile, request.trainingText})
    if (!file.empty()) addFileFingerprint(file, hash);
  return hash.toText();
}

std::string checksumOf(std::string_view bytes) {
  Hash64 hash;
  hash.add(bytes);
  return hash.toText();
}

std::string safeFileName(std::string_view layer) {
  std::string name;
  for (const char c : layer) {
    const bool isSafe =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    name += isSafe ? c : '~';
  }
  if (name == layer && name.size() <= kLongestName && !name.starts_with('.')) return name;
  Hash64 hash;
  hash.add(layer);
  return "~" + name.substr(0, kLongestName - 20) + "-" + hash.toText();
}

struct StoredRun {
  fs::path folder;
  fs::file_time_type lastUse;
  std::uint64_t bytes = 0;
};

std::uint64_t folderBytes(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code ignored;
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(folder, ignored)) {
    if (file.is_directory(ignored)) continue;
    const std::uint64_t size = file.file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

std::vector<StoredRun> storedRuns(const fs::path& root) {
  std::vector<StoredRun> runs;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, ignored))
    if (entry.is_directory(ignored))
      runs.push_back({entry.path(), entry.last_write_time(ignored), folderBytes(entry.path())});
  std::sort(runs.begin(), runs.end(), [](const StoredRun& a, const StoredRun& b) { return a.lastUse < b.lastUse; });
  return runs;
}

// Made where it is missing; a file system without locks goes without.
std::shared_ptr<const FileDescriptor> openLock(const fs::path& folder) {
  const fs::path file = folder / kLockFile;
  { const std::ofstream made(file, std::ios::app); }
  auto lock = std::make_shared<const FileDescriptor>(file, O_RDWR);
  if (lock->fd() >= 0) flock(lock->fd(), LOCK_SH | LOCK_NB);  // fails where another process has claimed it
  return lock;
}

// Whether anybody has the folder's run, or one that lies within it, open.
bool isInUse(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(folder, ignored)) {
    if (file.path().filename() != kLockFile) continue;
    const FileDescriptor lock(file.path(), O_RDWR);
    if (lock.fd() >= 0 && flock(lock.fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return true;
  }
  return false;
}

}  // namespace

RunStore::RunStore(const fs::path& root, const Checkpoint& model, const QuantRequest& request)
    : m_folder(root / keyOf(model, request)) {
  std::error_code failed;
  fs::create_directories(m_folder, failed);
  if (failed) throw failedError(m_folder.string(), "the folder for runs can't be made: " + failed.message());
  fs::last_write_time(m_folder, fs::file_time_type::clock::now(), failed);
  m_lock = openLock(m_folder);
}

bool RunStore::claim() {
  return m_lock->fd() < 0 || flock(m_lock->fd(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

fs::path RunStore::fileOf(std::string_view layer) const {
  return m_folder / (safeFileName(layer) + std::string(kSuffix));
}

bool RunStore::contains(std::string_view layer) const {
  std::error_code ignored;
  return fs::exists(fileOf(layer), ignored);
}

std::size_t RunStore::size() const {
  std::error_code ignored;
  std::size_t count = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(m_folder, ignored))
    count += file.path().extension() == kSuffix ? 1 : 0;
  return count;
}

void RunStore::save(const LayerReport& report, const QuantizedTensor& tensor) {
  writeFileAtomically(fileOf(report.name), encodeLayer(report, tensor));
}

std::optional<QuantizedTensor> RunStore::loadTensor(std::string_view layer) const {
  const auto file = FileBytes::read(fileOf(layer));
  return file ? decodeLayerTensor(file->text()) : std::nullopt;
}

std::optional<QuantizedTensor> RunStore::loadHead(std::string_view layer) const { return readLayerHead(fileOf(layer)); }

std::optional<LayerReport> RunStore::loadReport(std::string_view layer) const {
  const auto file = FileBytes::read(fileOf(layer));
  std::optional<LayerReport> report = file ? decodeLayerReport(file->text()) : std::nullopt;
  if (report && report->name != layer) return std::nullopt;
  if (report) report->stored = true;
  return report;
}

void RunStore::saveVectors(const std::map<std::string, std::vector<float>>& vectors) {
  nlohmann::json value = nlohmann::json::object();
  for (const auto& [name, values] : vectors) value[name] = values;
  std::string bytes;
  nlohmann::json::to_cbor(value, bytes);
  writeFileAtomically(m_folder / kVectorsFile, checksumOf(bytes) + bytes);
}

std::optional<std::map<std::string, std::vector<float>>> RunStore::loadVectors() const {
  const auto file = FileBytes::read(m_folder / kVectorsFile);
  if (!file || file->text().size() < kHashDigits) return std::nullopt;
  const std::string_view bytes = file->text().substr(kHashDigits);
  if (checksumOf(bytes) != file->text().substr(0, kHashDigits)) return std::nullopt;
  const nlohmann::json value = nlohmann::json::from_cbor(bytes, true, false);
  if (!value.is_object()) return std::nullopt;
  return value.get<std::map<std::string, std::vector<float>>>();
}

fs::path RunStore::stoppedFolder(std::size_t block, int step) const {
  return m_folder / (std::string(kStoppedPrefix) + std::to_string(block) + "-" + std::to_string(step));
}

void RunStore::clear() {
  std::error_code ignored;
  for (const fs::path& rest : {trainingFile(), startFolder(), m_folder / kVectorsFile}) fs::remove_all(rest, ignored);
  for (const fs::directory_entry& file : fs::directory_iterator(m_folder, ignored)) {
    const std::string name = file.path().filename().string();
    if (name.find(kSuffix) != std::string::npos || name.starts_with(kStoppedPrefix))
      fs::remove_all(file.path(), ignored);
  }
}

void RunStore::trim(const fs::path& root, std::uint64_t mostBytes) {
  const std::vector<StoredRun> runs = storedRuns(root);
  std::uint64_t total = 0;
  for (const StoredRun& run : runs) total += run.bytes;
  for (const StoredRun& run : runs) {
    if (total <= mostBytes) return;
    if (isInUse(run.folder)) continue;
    std::error_code ignored;
    fs::remove_all(run.folder, ignored);
    total -= run.bytes;
  }
}

}  // namespace qs
