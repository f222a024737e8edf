#pragma once

#include <filesystem>
#include <optional>

#include "core/session/run_store.h"

namespace qs::cli {

/// The run store of one command, held under a lock: a second command with the same request at the same time gets a
/// store of its own, which is removed at its end. Starts afresh unless `resume`. Trims the stored runs at its end.
class PrivateStore {
 public:
  PrivateStore(std::filesystem::path runsFolder, const Checkpoint& model, const QuantRequest& request, bool resume);
  ~PrivateStore();
  PrivateStore(const PrivateStore&) = delete;
  PrivateStore& operator=(const PrivateStore&) = delete;
  PrivateStore(PrivateStore&&) = delete;
  PrivateStore& operator=(PrivateStore&&) = delete;

  [[nodiscard]] RunStore& store() { return *m_store; }

 private:
  std::filesystem::path m_root;
  std::optional<RunStore> m_store;
  std::filesystem::path m_ownFolder;  // removed at the end; empty = none
};

}  // namespace qs::cli
