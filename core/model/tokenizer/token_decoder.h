#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace qs {

/// A step on the way from tokens back to text. Thread-safe.
using DecoderStep = std::function<void(std::vector<std::string>&)>;

/// The steps of a tokenizer.json's "decoder" (null: none): ByteLevel, ByteFallback, Replace, Metaspace, Fuse, Strip,
/// Sequence. Throws Error (Input) for one that isn't supported.
[[nodiscard]] std::vector<DecoderStep> parseDecoder(const nlohmann::json& decoder, const std::string& subject);

/// Bytes of the byte alphabet back to text.
[[nodiscard]] DecoderStep byteLevelDecoder();
/// SentencePiece's: U+2581 to space, byte tokens to bytes, one leading space off where `stripsSpace`.
[[nodiscard]] std::vector<DecoderStep> sentencePieceDecoder(bool stripsSpace);

}  // namespace qs
