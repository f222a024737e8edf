#include "core/base/glob.h"

#include <cstddef>

namespace qs {

namespace {

// Matches one `[…]` set at pattern[at]; on return `at` is behind the set. An unclosed bracket stands for itself.
bool setMatches(std::string_view pattern, std::size_t& at, char character) {
  const std::size_t close = pattern.find(']', at + 2);
  if (close == std::string_view::npos) {
    ++at;
    return character == '[';
  }
  std::size_t i = at + 1;
  const bool negated = pattern[i] == '!' || pattern[i] == '^';
  i += negated ? 1 : 0;
  bool found = false;
  while (i < close) {
    const bool isRange = i + 2 < close && pattern[i + 1] == '-';
    const char last = isRange ? pattern[i + 2] : pattern[i];
    found = found || (pattern[i] <= character && character <= last);
    i += isRange ? 3 : 1;
  }
  at = close + 1;
  return found != negated;
}

}  // namespace

bool globMatches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t starPattern = std::string_view::npos;
  std::size_t starText = 0;
  while (t < text.size()) {
    bool matched = false;
    if (p < pattern.size() && pattern[p] == '*') {
      starPattern = ++p;
      starText = t;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '[') {
      matched = setMatches(pattern, p, text[t]);
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      matched = true;
    }
    if (matched) {
      ++t;
    } else if (starPattern != std::string_view::npos) {
      p = starPattern;
      t = ++starText;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace qs
