#include "core/io/importers/name_pattern.h"

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::int32_t kMostSteps = 100;           // ICU's unit: some thousand steps of the engine, about a millisecond
constexpr std::int32_t kMostStackBytes = 1 << 20;  // of the engine's own stack
constexpr std::size_t kLongestExpression = 4096;

icu::UnicodeString fromUtf8(std::string_view text) {
  return icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
}

}  // namespace

struct NamePattern::Compiled {
  std::unique_ptr<icu::RegexPattern> pattern;
};

NamePattern::NamePattern(std::string_view expression, std::string subject)
    : m_subject(std::move(subject)), m_compiled(std::make_unique<Compiled>()) {
  if (expression.size() > kLongestExpression)
    throw mismatchError(m_subject, "regular expression", "at most 4096 bytes", std::to_string(expression.size()));
  UErrorCode status = U_ZERO_ERROR;
  UParseError where;
  m_compiled->pattern.reset(icu::RegexPattern::compile(fromUtf8(expression), where, status));
  if (U_FAILURE(status) != 0)
    throw inputError(m_subject, "\"" + std::string(expression.substr(0, 80)) + "\" is no regular expression");
}

NamePattern::~NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;

bool NamePattern::matches(std::string_view name) const {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString text = fromUtf8(name);
  const std::unique_ptr<icu::RegexMatcher> matcher(m_compiled->pattern->matcher(text, status));
  if (matcher != nullptr) {
    matcher->setTimeLimit(kMostSteps, status);
    matcher->setStackLimit(kMostStackBytes, status);
    const bool isMatch = matcher->lookingAt(status) != 0;
    if (U_SUCCESS(status) != 0) return isMatch;
  }
  throw inputError(m_subject, "the regular expression takes too long on \"" + std::string(name.substr(0, 80)) + "\"");
}

}  // namespace qs
