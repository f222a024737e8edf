#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/run_context.h"

namespace qs {

/// A step that rewrites text before it is tokenized. Thread-safe.
using NormalizerStep = std::function<std::string(const std::string&, const RunContext&)>;

/// The steps of a tokenizer.json's "normalizer" (null: none), in order: Prepend, Replace, NFC, NFD, NFKC, NFKD,
/// Lowercase, Strip, Sequence. Throws Error (Input) for one that isn't supported.
[[nodiscard]] std::vector<NormalizerStep> parseNormalizer(const nlohmann::json& normalizer, const std::string& subject);

/// Every occurrence of `from` (not empty) replaced.
[[nodiscard]] std::string replaceText(const std::string& text, const std::string& from, const std::string& to);

}  // namespace qs
