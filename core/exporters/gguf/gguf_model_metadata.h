#pragma once

#include <string>

#include "core/exporters/exporter.h"
#include "core/io/formats/gguf_pairs.h"

namespace qs {

/// GGUF's name of the model's architecture ("llama" for mistral too). Throws Error (Request) that names the known ones,
/// or says what of the model GGUF export doesn't write (rope scalings but linear and llama3).
[[nodiscard]] std::string ggufArchitecture(const Checkpoint& model);

/// The metadata of an exported model (GGUF's specification): architecture, sizes, tokenizer; of a model that comes from
/// a GGUF file its own. `fileType` is general.file_type. Throws Error (Failed) where the tokenizer has no GGUF form.
[[nodiscard]] GgufPairs ggufModelMetadata(const Checkpoint& model, std::uint32_t fileType, bool isQuantized);

/// Divisors of the rotary frequencies [head dim / 2] that llama-3 scaling stands for, which GGUF stores as a tensor;
/// empty for models without.
[[nodiscard]] std::vector<float> ggufRopeFactors(const Checkpoint& model);

}  // namespace qs
