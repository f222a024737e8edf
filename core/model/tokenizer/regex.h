#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/run_context.h"

namespace qs {

/// A regular expression of a tokenizer file, run by ICU. Immutable and thread-safe.
class Regex {
 public:
  /// `pattern` in the syntax of tokenizer files (Oniguruma, as far as ICU shares it). Throws Error (Input).
  Regex(std::string_view pattern, const std::string& subject);
  /// The pattern that matches exactly this text.
  [[nodiscard]] static Regex literal(std::string_view text, const std::string& subject);

  /// Byte ranges [begin, end) of the non-empty matches in valid UTF-8, in order. Throws Cancelled; Error (Failed) that
  /// names the expression when it takes more time or memory than one of a tokenizer needs.
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> matches(std::string_view text,
                                                                         const RunContext& context) const;
  /// Every match replaced by `content`, taken literally.
  [[nodiscard]] std::string replaceAll(std::string_view text, std::string_view content,
                                       const RunContext& context) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> m_compiled;
  std::string m_subject;
};

}  // namespace qs
