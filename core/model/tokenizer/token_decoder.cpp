#include "core/model/tokenizer/token_decoder.h"

#include <utility>

#include "core/base/error.h"
#include "core/model/tokenizer/byte_alphabet.h"
#include "core/model/tokenizer/normalizer.h"
#include "core/model/tokenizer/regex.h"
#include "core/model/tokenizer/tokenizer_json_fields.h"
#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

DecoderStep fuse() {
  return [](std::vector<std::string>& tokens) { tokens = {joined(tokens)}; };
}

/// A run of byte tokens that isn't valid UTF-8 as a whole gives one U+FFFD per byte.
std::string textOfBytes(const std::string& bytes) {
  if (!firstInvalidUtf8(bytes)) return bytes;
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) text += "\uFFFD";
  return text;
}

DecoderStep byteFallback() {
  return [](std::vector<std::string>& tokens) {
    std::vector<std::string> result;
    std::string bytes;
    const auto flush = [&] {
      if (!bytes.empty()) result.push_back(textOfBytes(bytes));
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = fallbackByte(token)) {
        bytes.push_back(static_cast<char>(*byte));
      } else {
        flush();
        result.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(result);
  };
}

DecoderStep replace(const TextPattern& pattern, const std::string& content, const std::string& subject) {
  const Regex regex = pattern.isRegex ? Regex(pattern.text, subject) : Regex::literal(pattern.text, subject);
  return [regex, content](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) token = regex.replaceAll(token, content, {});
  };
}

DecoderStep strip(const std::string& content, std::size_t start, std::size_t stop) {
  return [=](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) {
      for (std::size_t i = 0; i < start && token.starts_with(content); ++i) token.erase(0, content.size());
      for (std::size_t i = 0; i < stop && token.ends_with(content); ++i) token.erase(token.size() - content.size());
    }
  };
}

DecoderStep metaspace(const nlohmann::json& step) {
  const std::string replacement = textOf(step, "replacement", "\u2581");
  const std::string older = flagOf(step, "add_prefix_space", true) ? "always" : "never";
  const bool strips = textOf(step, "prepend_scheme", older) != "never";
  return [=](std::vector<std::string>& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i == 0 && strips && tokens[i].starts_with(replacement)) tokens[i].erase(0, replacement.size());
      tokens[i] = replaceText(tokens[i], replacement, " ");
    }
  };
}

std::size_t countOf(const nlohmann::json& step, const char* key) {
  const nlohmann::json& value = fieldOf(step, key);
  return value.is_number_unsigned() ? value.get<std::size_t>() : 0;
}

void append(const nlohmann::json& step, const std::string& subject, std::vector<DecoderStep>& steps) {
  const std::string type = requireText(step, "type", subject);
  if (type == "Sequence") {
    for (const nlohmann::json& inner : requireList(step, "decoders", subject)) append(inner, subject, steps);
  } else if (type == "ByteLevel") {
    steps.push_back(byteLevelDecoder());
  } else if (type == "ByteFallback") {
    steps.push_back(byteFallback());
  } else if (type == "Fuse") {
    steps.push_back(fuse());
  } else if (type == "Replace") {
    steps.push_back(replace(parsePattern(step, subject), requireText(step, "content", subject), subject));
  } else if (type == "Metaspace") {
    steps.push_back(metaspace(step));
  } else if (type == "Strip") {
    const std::string content = requireText(step, "content", subject);
    if (!content.empty()) steps.push_back(strip(content, countOf(step, "start"), countOf(step, "stop")));
  } else {
    throw inputError(subject, "the decoder \"" + type + "\" is not supported");
  }
}

}  // namespace

DecoderStep byteLevelDecoder() {
  return [](std::vector<std::string>& tokens) { tokens = {replaceInvalidUtf8(fromByteAlphabet(joined(tokens)))}; };
}

std::vector<DecoderStep> sentencePieceDecoder(bool stripsSpace) {
  std::vector<DecoderStep> steps{replace({.text = "\u2581"}, " ", "tokenizer"), byteFallback(), fuse()};
  if (stripsSpace) steps.push_back(strip(" ", 1, 0));
  return steps;
}

std::vector<DecoderStep> parseDecoder(const nlohmann::json& decoder, const std::string& subject) {
  std::vector<DecoderStep> steps;
  if (!decoder.is_null()) append(decoder, subject, steps);
  return steps;
}

}  // namespace qs
