#include "app/cli/private_store.h"

#include <unistd.h>

#include <string>
#include <utility>

namespace qs::cli {

PrivateStore::PrivateStore(std::filesystem::path runsFolder, const Checkpoint& model, const QuantRequest& request,
                           bool resume)
    : m_root(std::move(runsFolder)) {
  m_store.emplace(m_root, model, request);
  if (!m_store->claim()) {
    m_ownFolder = m_root / ("process-" + std::to_string(getpid()));
    m_store.emplace(m_ownFolder, model, request);
  }
  if (!resume) m_store->clear();
}

PrivateStore::~PrivateStore() {
  std::error_code ignored;
  if (!m_ownFolder.empty()) std::filesystem::remove_all(m_ownFolder, ignored);
  RunStore::trim(m_root);
}

}  // namespace qs::cli
