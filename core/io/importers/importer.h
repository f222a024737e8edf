#pragma once

#include <span>
#include <string_view>

#include "core/io/checkpoint.h"
#include "core/io/importers/quantization_config.h"

namespace qs {

/// A way in which quantized Hugging Face checkpoints store their layers. `import` replaces the components of each layer
/// by one logical tensor `<layer>.weight` that is decoded lazily. Throws Error (Input) naming file, layer and field.
struct ImporterInfo {
  std::string_view quantMethod;  ///< as `quantization_config` names it
  std::string_view name;         ///< as shown: the checkpoint's format
  void (*import)(const QuantizationConfig&, Checkpoint::Contents&) = nullptr;
};

[[nodiscard]] std::span<const ImporterInfo> allImporters();

/// Decodes our own files of codes and scales; else looks for `quantization_config` in the contents' config.json (or for
/// quantize_config.json, quant_config.json in the folder) and imports the layers. A method that isn't known leaves a
/// warning, and the tensors as they are stored.
void importQuantizedLayers(Checkpoint::Contents& contents);

void importGptq(const QuantizationConfig& config, Checkpoint::Contents& contents);
void importAwq(const QuantizationConfig& config, Checkpoint::Contents& contents);
void importCompressedTensors(const QuantizationConfig& config, Checkpoint::Contents& contents);
/// The "fp8" of some checkpoints: F8_E4M3 weights with `weight_scale_inv`, which is a multiplier all the same.
void importFp8(const QuantizationConfig& config, Checkpoint::Contents& contents);
void importBitsandbytes(const QuantizationConfig& config, Checkpoint::Contents& contents);

}  // namespace qs
