#pragma once

#include <string>
#include <vector>

#include "core/exporters/gguf/gguf_type_choice.h"
#include "core/exporters/promised_model.h"
#include "core/io/formats/gguf_names.h"
#include "core/io/formats/safetensors_writer.h"

namespace qs {

/// How a quantized layer gets into its GGUF type.
enum class GgufRounding {
  None,    ///< not quantized: copied
  Codes,   ///< the run's codes as they are
  Float,   ///< the run's weights in F16 or BF16
  Encoder  ///< the type's own encoder rounds anew
};

/// One tensor of a GGUF file.
struct GgufUnit {
  const CheckpointTensor* tensor = nullptr;  ///< of the model; null for the rotary factors
  std::string layer;                         ///< the quantized layer's name; empty where the tensor is copied
  PlannedTensor part;                        ///< as it stands in the file
  std::string readName;                      ///< as the reader names it
  Shape readShape;                           ///< and shapes it
  GgufTransform transform = GgufTransform::None;
  GgufRounding rounding = GgufRounding::None;
};

/// The tensor of a GGUF file that a tensor of the model becomes; an empty name where the file has none of it (buffers,
/// a tied head). Throws Error (Request) naming a tensor that GGUF has no name for.
[[nodiscard]] GgufName ggufTensorName(const Checkpoint& model, const std::string& architecture,
                                      const std::string& tensor);

/// All tensors of the file, in model order. `choice` is null for the type that holds each layer's scheme exactly.
[[nodiscard]] std::vector<GgufUnit> planGguf(const PromisedModel& model, const std::string& architecture,
                                             const GgufTypeChoice* choice);

}  // namespace qs
