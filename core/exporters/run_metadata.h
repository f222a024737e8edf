#pragma once

#include <map>
#include <span>
#include <string>

#include "core/exporters/exporter.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// What a safetensors export says of its run: "method", "settings" (a JSON string), and "layer_settings" (a JSON string
/// by layer name) where layers differ from them.
[[nodiscard]] std::map<std::string, std::string> runMetadata(const ExportSource& source);

/// "smooth_scale" or "awq_scale": how exports call the tensor's input scale.
[[nodiscard]] std::string inputScaleSuffix(const QuantizedTensor& tensor);

}  // namespace qs
