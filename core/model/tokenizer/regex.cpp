#include "core/model/tokenizer/regex.h"

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include "core/base/error.h"
#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

/// ICU's \s leaves out U+000B and U+0085, which Oniguruma's has.
std::string withWideWhiteSpace(std::string_view pattern) {
  std::string result;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      result += pattern[i];
      continue;
    }
    const char kind = pattern[++i];
    if (kind == 's') {
      result += "\\p{White_Space}";
    } else if (kind == 'S') {
      result += "\\P{White_Space}";
    } else {
      result += {'\\', kind};
    }
  }
  return result;
}

/// Walks along valid UTF-8 to the byte that a UTF-16 index means; indices must not decrease.
class ByteCursor {
 public:
  explicit ByteCursor(std::string_view text) : m_text(text) {}
  std::size_t byteAt(std::int32_t unit) {
    while (m_unit < unit) {
      const std::size_t length = utf8Length(m_text[m_byte]);
      m_byte += length;
      m_unit += length == 4 ? 2 : 1;
    }
    return m_byte;
  }

 private:
  std::string_view m_text;
  std::size_t m_byte = 0;
  std::int32_t m_unit = 0;
};

icu::UnicodeString toUtf16(std::string_view text) {
  return icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
}

constexpr std::size_t kLongestText = std::size_t{1} << 30U;  // ICU's indices are 32-bit
constexpr std::size_t kMatchesBetweenStops = 4096;
constexpr std::int32_t kMostStackBytes = 8'000'000;  // of the engine's own stack
// In ICU's unit of 10,000 states saved, about a tenth of a millisecond. Tokenizers' expressions need one a kilobyte,
// more where runs of spaces are long.
constexpr std::uint64_t kMostSteps = 2000;
constexpr std::uint64_t kBytesPerStep = 10;

// Watches over the work on one text.
struct Watch {
  const RunContext& context;
  std::uint64_t& stepsLeft;

  // ICU calls it after every step.
  static UBool U_CALLCONV goesOn(const void* watch, std::int32_t) {
    const auto& self = *static_cast<const Watch*>(watch);
    if (self.context.stop.stop_requested() || self.stepsLeft == 0) return 0;
    --self.stepsLeft;
    return 1;
  }
};

}  // namespace

struct Regex::Compiled {
  std::unique_ptr<icu::RegexPattern> pattern;
  std::string text;
};

Regex::Regex(std::string_view pattern, const std::string& subject) : m_subject(subject) {
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  auto compiled = std::make_shared<Compiled>();
  compiled->pattern.reset(icu::RegexPattern::compile(toUtf16(withWideWhiteSpace(pattern)), 0, where, status));
  if (U_FAILURE(status) != 0 || compiled->pattern == nullptr)
    throw inputError(subject, "the regular expression \"" + std::string(pattern) + "\" is not valid");
  compiled->text = pattern;
  m_compiled = std::move(compiled);
}

Regex Regex::literal(std::string_view text, const std::string& subject) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}#-&").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return {pattern, subject};
}

std::vector<std::pair<std::size_t, std::size_t>> Regex::matches(std::string_view text,
                                                                const RunContext& context) const {
  if (text.size() > kLongestText) throw requestError(m_subject, "the text is longer than 1 GiB");
  const icu::UnicodeString utf16 = toUtf16(text);
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::RegexMatcher> matcher(m_compiled->pattern->matcher(utf16, status));
  std::uint64_t steps = kMostSteps + text.size() / kBytesPerStep;
  const Watch watch{context, steps};
  if (matcher != nullptr) {
    matcher->setStackLimit(kMostStackBytes, status);
    matcher->setMatchCallback(Watch::goesOn, &watch, status);
  }
  ByteCursor cursor(text);
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  while (U_SUCCESS(status) != 0 && matcher->find(status) != 0) {
    if (ranges.size() % kMatchesBetweenStops == 0) context.throwIfStopped();
    const std::size_t begin = cursor.byteAt(matcher->start(status));
    const std::size_t end = cursor.byteAt(matcher->end(status));
    if (end > begin) ranges.emplace_back(begin, end);
  }
  if (U_SUCCESS(status) != 0) return ranges;
  context.throwIfStopped();
  const bool isSlow = status == U_REGEX_STOPPED_BY_CALLER;
  throw failedError(m_subject, "the regular expression \"" + m_compiled->text + "\" " +
                                   (isSlow ? "takes too long" : "fails") + " on this text" +
                                   (isSlow ? "" : std::string(": ") + u_errorName(status)));
}

std::string Regex::replaceAll(std::string_view text, std::string_view content, const RunContext& context) const {
  std::string result;
  std::size_t done = 0;
  for (const auto& [begin, end] : matches(text, context)) {
    result += text.substr(done, begin - done);
    result += content;
    done = end;
  }
  result += text.substr(done);
  return result;
}

}  // namespace qs
