#include "core/io/pickle/memory_budget.h"

#include "core/base/error.h"

namespace qs {

void MemoryBudget::take(std::uint64_t bytes) {
  if (bytes > m_left)
    throw inputError(m_subject, "describes more than fits " + std::to_string(m_total) +
                                    " bytes of memory, which is too much for a file of its size");
  m_left -= bytes;
}

}  // namespace qs
