#include "app/cli/private_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace qs::cli {

namespace {

constexpr std::uint64_t kStoreLimitBytes = 8'000'000'000;

}  // namespace

PrivateStore::PrivateStore(std::filesystem::path runsFolder, const Checkpoint& model, const QuantRequest& request,
                           bool resume)
    : m_root(std::move(runsFolder)) {
  m_store.emplace(m_root, model, request);
  if (!lock()) {
    m_ownFolder = m_root / ("process-" + std::to_string(getpid()));
    m_store.emplace(m_ownFolder, model, request);
  }
  if (!resume) m_store->clear();
}

PrivateStore::~PrivateStore() {
  std::error_code ignored;
  if (m_lock >= 0) close(m_lock);
  if (!m_ownFolder.empty()) std::filesystem::remove_all(m_ownFolder, ignored);
  RunStore::trim(m_root, kStoreLimitBytes, m_store->folder());
}

bool PrivateStore::lock() {
  m_lock = open((m_store->folder() / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (m_lock < 0 || flock(m_lock, LOCK_EX | LOCK_NB) == 0) return true;  // no locks here: do without
  close(m_lock);
  m_lock = -1;
  return false;
}

}  // namespace qs::cli
