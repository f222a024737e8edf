#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/io/checkpoint.h"
#include "core/model/architecture_spec.h"
#include "core/model/model_config.h"

namespace qs {

/// The first of the prefixes under which the model has a tensor called prefix + name; the first one when none fits.
[[nodiscard]] std::string prefixOf(const Checkpoint& model, std::initializer_list<std::string_view> prefixes,
                                   std::string_view name);

/// Sizes, positions, soft caps and token ids: everything but names and blocks.
[[nodiscard]] ArchitectureSpec baseSpec(const ModelConfig& config, const Checkpoint& model);

/// q, k and v (or a fused one of all three) and the output projection, with sizes and biases from the config.
/// `names`: three names or one, without prefix.
[[nodiscard]] AttentionSpec makeAttention(const ModelConfig& config, std::size_t block, const std::string& prefix,
                                          std::initializer_list<std::string_view> names, std::string_view output);

/// The head: its own tensor, or the embedding's when tied.
void setHead(const ModelConfig& config, std::string name, bool bias, ArchitectureSpec& spec);

/// Activation by its name in config.json. Throws Error (Input).
[[nodiscard]] Activation activationOf(const ModelConfig& config);

}  // namespace qs
