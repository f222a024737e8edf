#include "core/model/tokenizer/normalizer.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include "core/base/error.h"
#include "core/model/tokenizer/regex.h"
#include "core/model/tokenizer/tokenizer_json_fields.h"

namespace qs {

namespace {

using Instance = const icu::Normalizer2* (*)(UErrorCode&);

NormalizerStep unicodeForm(Instance instance) {
  return [instance](const std::string& text, const RunContext&) {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* normalizer = instance(status);
    std::string result;
    icu::StringByteSink<std::string> sink(&result, static_cast<std::int32_t>(text.size()));
    if (U_SUCCESS(status) != 0) normalizer->normalizeUTF8(0, text, sink, nullptr, status);
    if (U_FAILURE(status) != 0) throw failedError("text", std::string("normalisation failed: ") + u_errorName(status));
    return result;
  };
}

NormalizerStep lowercase() {
  return [](const std::string& text, const RunContext&) {
    std::string result;
    icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(result);
    return result;
  };
}

NormalizerStep prepend(const std::string& prefix) {
  return [prefix](const std::string& text, const RunContext&) { return text.empty() ? text : prefix + text; };
}

NormalizerStep replace(const nlohmann::json& step, const std::string& subject) {
  const std::string content = requireText(step, "content", subject);
  const TextPattern pattern = parsePattern(step, subject);
  if (pattern.isRegex) {
    return [regex = Regex(pattern.text, subject), content](const std::string& text, const RunContext& context) {
      return regex.replaceAll(text, content, context);
    };
  }
  return [from = pattern.text, content](const std::string& text, const RunContext&) {
    return replaceText(text, from, content);
  };
}

NormalizerStep strip(bool left, bool right, const std::string& subject) {
  return [regex = Regex(std::string(left ? "\\A\\s+" : "(?!)") + (right ? "|\\s+\\z" : ""), subject)](
             const std::string& text, const RunContext& context) { return regex.replaceAll(text, "", context); };
}

void append(const nlohmann::json& step, const std::string& subject, std::vector<NormalizerStep>& steps) {
  const std::string type = requireText(step, "type", subject);
  if (type == "Sequence") {
    for (const nlohmann::json& inner : requireList(step, "normalizers", subject)) append(inner, subject, steps);
  } else if (type == "Prepend") {
    steps.push_back(prepend(requireText(step, "prepend", subject)));
  } else if (type == "Replace") {
    steps.push_back(replace(step, subject));
  } else if (type == "NFC") {
    steps.push_back(unicodeForm(icu::Normalizer2::getNFCInstance));
  } else if (type == "NFD") {
    steps.push_back(unicodeForm(icu::Normalizer2::getNFDInstance));
  } else if (type == "NFKC") {
    steps.push_back(unicodeForm(icu::Normalizer2::getNFKCInstance));
  } else if (type == "NFKD") {
    steps.push_back(unicodeForm(icu::Normalizer2::getNFKDInstance));
  } else if (type == "Lowercase") {
    steps.push_back(lowercase());
  } else if (type == "Strip") {
    steps.push_back(strip(flagOf(step, "strip_left", true), flagOf(step, "strip_right", true), subject));
  } else {
    throw inputError(subject, "the normalizer \"" + type + "\" is not supported");
  }
}

}  // namespace

std::vector<NormalizerStep> parseNormalizer(const nlohmann::json& normalizer, const std::string& subject) {
  std::vector<NormalizerStep> steps;
  if (!normalizer.is_null()) append(normalizer, subject, steps);
  return steps;
}

std::string replaceText(const std::string& text, const std::string& from, const std::string& to) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    result.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  return result.append(text, done);
}

}  // namespace qs
