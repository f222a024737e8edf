#include "core/model/tokenizer/pre_tokenizer.h"

#include <utility>

#include "core/base/error.h"
#include "core/model/tokenizer/normalizer.h"
#include "core/model/tokenizer/regex.h"
#include "core/model/tokenizer/tokenizer_json_fields.h"
#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

enum class Behavior { Isolated, Removed, MergedWithPrevious, MergedWithNext, Contiguous };

Behavior parseBehavior(const nlohmann::json& step, const std::string& subject) {
  const std::string name = textOf(step, "behavior", "Isolated");
  if (name == "Isolated" || name == "isolated") return Behavior::Isolated;
  if (name == "Removed" || name == "removed") return Behavior::Removed;
  if (name == "MergedWithPrevious" || name == "merged_with_previous") return Behavior::MergedWithPrevious;
  if (name == "MergedWithNext" || name == "merged_with_next") return Behavior::MergedWithNext;
  if (name == "Contiguous" || name == "contiguous") return Behavior::Contiguous;
  throw inputError(subject, "the split behavior \"" + name + "\" is not supported");
}

struct Span {
  std::size_t begin;
  std::size_t end;
  bool match;
};

/// The whole text as matches and what stands between them.
std::vector<Span> spansOf(std::string_view text, const Regex& regex, bool invert, const RunContext& context) {
  std::vector<Span> spans;
  std::size_t done = 0;
  for (const auto& [begin, end] : regex.matches(text, context)) {
    if (begin > done) spans.push_back({done, begin, invert});
    spans.push_back({begin, end, !invert});
    done = end;
  }
  if (done < text.size()) spans.push_back({done, text.size(), invert});
  return spans;
}

void appendSpans(const std::string& piece, const std::vector<Span>& spans, Behavior behavior,
                 std::vector<std::string>& out) {
  const std::size_t before = out.size();
  bool joinNext = false;
  bool lastWasMatch = false;
  for (const Span& span : spans) {
    const std::string text = piece.substr(span.begin, span.end - span.begin);
    const bool hasPrevious = out.size() > before;
    const bool joins = joinNext || (behavior == Behavior::MergedWithPrevious && span.match && hasPrevious) ||
                       (behavior == Behavior::Contiguous && span.match && lastWasMatch);
    lastWasMatch = span.match;
    joinNext = behavior == Behavior::MergedWithNext && span.match;
    if (behavior == Behavior::Removed && span.match) continue;
    if (joins) {
      out.back() += text;
    } else {
      out.push_back(text);
    }
  }
}

PreTokenStep split(Regex regex, Behavior behavior, bool invert) {
  return [regex = std::move(regex), behavior, invert](PreTokens& tokens, const RunContext& context) {
    std::vector<std::string> result;
    for (const std::string& piece : tokens.pieces)
      appendSpans(piece, spansOf(piece, regex, invert, context), behavior, result);
    tokens.pieces = std::move(result);
  };
}

PreTokenStep addPrefixSpace() {
  return [](PreTokens& tokens, const RunContext&) {
    for (std::string& piece : tokens.pieces)
      if (!piece.empty() && piece.front() != ' ') piece.insert(piece.begin(), ' ');
  };
}

PreTokenStep metaspace(const nlohmann::json& step, const std::string& subject) {
  const std::string replacement = textOf(step, "replacement", "\u2581");
  const std::string older = flagOf(step, "add_prefix_space", true) ? "always" : "never";
  const std::string scheme = textOf(step, "prepend_scheme", older);
  const bool cuts = flagOf(step, "split", true);
  const PreTokenStep cut = split(Regex::literal(replacement, subject), Behavior::MergedWithNext, false);
  return [=](PreTokens& tokens, const RunContext& context) {
    for (std::size_t i = 0; i < tokens.pieces.size(); ++i) {
      std::string piece = replaceText(tokens.pieces[i], " ", replacement);
      const bool prepends = scheme == "always" || (scheme == "first" && i == 0 && tokens.startsText);
      tokens.pieces[i] = prepends && !piece.starts_with(replacement) ? replacement + piece : std::move(piece);
    }
    if (cuts) cut(tokens, context);
  };
}

void append(const nlohmann::json& step, const std::string& subject, PreTokenizer& result) {
  const auto cut = [&](const char* pattern, Behavior behavior) {
    result.steps.push_back(split(Regex(pattern, subject), behavior, false));
  };
  const std::string type = requireText(step, "type", subject);
  if (type == "Sequence") {
    for (const nlohmann::json& inner : requireList(step, "pretokenizers", subject)) append(inner, subject, result);
  } else if (type == "ByteLevel") {
    if (flagOf(step, "add_prefix_space", true)) result.steps.push_back(addPrefixSpace());
    if (flagOf(step, "use_regex", true)) result.steps.push_back(splitIsolated(gpt2Pattern(), subject));
    result.byteLevel = true;
  } else if (type == "Split") {
    const TextPattern pattern = parsePattern(step, subject);
    Regex regex = pattern.isRegex ? Regex(pattern.text, subject) : Regex::literal(pattern.text, subject);
    result.steps.push_back(split(std::move(regex), parseBehavior(step, subject), flagOf(step, "invert", false)));
  } else if (type == "Metaspace") {
    result.steps.push_back(metaspace(step, subject));
  } else if (type == "Digits") {
    cut(flagOf(step, "individual_digits", false) ? "\\p{N}" : "\\p{N}+", Behavior::Isolated);
  } else if (type == "Punctuation") {
    result.steps.push_back(split(Regex("\\p{P}|[$+<=>^`|~]", subject), parseBehavior(step, subject), false));
  } else if (type == "Whitespace") {
    result.steps.push_back(split(Regex("\\w+|[^\\w\\s]+", subject), Behavior::Removed, true));
  } else if (type == "WhitespaceSplit") {
    cut("\\s+", Behavior::Removed);
  } else {
    throw inputError(subject, "the pre-tokenizer \"" + type + "\" is not supported");
  }
}

}  // namespace

const std::string& gpt2Pattern() {
  static const std::string pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  return pattern;
}

PreTokenStep splitIsolated(const std::string& pattern, const std::string& subject) {
  return split(Regex(pattern, subject), Behavior::Isolated, false);
}

PreTokenizer parsePreTokenizer(const nlohmann::json& preTokenizer, const std::string& subject) {
  PreTokenizer result;
  if (!preTokenizer.is_null()) append(preTokenizer, subject, result);
  return result;
}

}  // namespace qs
