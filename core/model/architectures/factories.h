#pragma once

#include "core/io/checkpoint.h"
#include "core/model/architecture_spec.h"
#include "core/model/model_config.h"

namespace qs {

// One factory a naming scheme. The checkpoint tells which prefix the tensors carry, never a size.

/// Llama, Mistral, Qwen2, Qwen3, Gemma, Gemma 2 and Phi-3: RMS norms, rotary positions, gated MLP.
[[nodiscard]] ArchitectureSpec makeLlamaFamily(const ModelConfig& config, const Checkpoint& model);
/// Phi-1 and Phi-2: parallel attention and MLP off one layer norm.
[[nodiscard]] ArchitectureSpec makePhi(const ModelConfig& config, const Checkpoint& model);
[[nodiscard]] ArchitectureSpec makeGpt2(const ModelConfig& config, const Checkpoint& model);
[[nodiscard]] ArchitectureSpec makeOpt(const ModelConfig& config, const Checkpoint& model);
/// GPT-NeoX and Pythia.
[[nodiscard]] ArchitectureSpec makeGptNeox(const ModelConfig& config, const Checkpoint& model);

}  // namespace qs
