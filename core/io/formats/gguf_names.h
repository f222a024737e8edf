#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qs {

/// What has to be done to a GGUF tensor to see it as its Hugging Face original (llama.cpp's convert_hf_to_gguf).
enum class GgufTransform : std::uint8_t {
  None,
  UnpermuteQuery,  ///< llama: interleaved rotary pairs back to halves, heads of q
  UnpermuteKey,    ///< the same with the key/value heads
  Transpose,       ///< gpt2: Conv1D is stored [in, out]
  MinusOne,        ///< gemma: norms are stored plus one
};

/// A tensor's Hugging Face name and how to get at its values.
struct GgufName {
  std::string name;
  GgufTransform transform = GgufTransform::None;
};

/// Architectures whose names are known: llama, qwen2, qwen3, gemma, gemma2, phi3, gpt2.
[[nodiscard]] bool hasKnownNames(std::string_view architecture);

/// The Hugging Face name of a GGUF tensor of a known architecture; other names stay as they are.
[[nodiscard]] GgufName huggingFaceName(std::string_view architecture, std::string_view ggufName);

/// The GGUF name of a Hugging Face tensor ("model.layers.0.self_attn.q_proj.weight" → "blk.0.attn_q.weight"); empty
/// where the architecture has none.
[[nodiscard]] GgufName ggufName(std::string_view architecture, std::string_view huggingFaceName);

}  // namespace qs
