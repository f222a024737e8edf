#pragma once

#include <cstdint>
#include <string>

namespace qs {

/// How much memory the reading of a hostile file may take: a pickle of a few bytes could otherwise describe any amount.
class MemoryBudget {
 public:
  /// `subject` is for the message.
  MemoryBudget(std::uint64_t bytes, std::string subject)
      : m_left(bytes), m_total(bytes), m_subject(std::move(subject)) {}

  /// Throws Error (Input) where less than `bytes` is left.
  void take(std::uint64_t bytes);

 private:
  std::uint64_t m_left;
  std::uint64_t m_total;
  std::string m_subject;
};

}  // namespace qs
