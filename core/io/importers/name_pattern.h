#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace qs {

/// A regular expression over module names, as configurations give them; matched from the start of the name. Hostile
/// ones are bounded in time and memory.
class NamePattern {
 public:
  /// Throws Error (Input) with `subject` where it is no regular expression.
  NamePattern(std::string_view expression, std::string subject);
  ~NamePattern();
  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;
  NamePattern(const NamePattern&) = delete;
  NamePattern& operator=(const NamePattern&) = delete;

  /// Throws Error (Input) where the expression takes too long on this name.
  [[nodiscard]] bool matches(std::string_view name) const;

 private:
  struct Compiled;
  std::string m_subject;
  std::unique_ptr<Compiled> m_compiled;
};

}  // namespace qs
