#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/session/quant_report.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// One finished layer as a file's bytes: "QSLAYER2", length of the header (u64), header (CBOR: report and the tensor's
/// lengths), codes packed densely, scales and the other arrays, checksum of everything before it (u64). Little endian.
[[nodiscard]] std::string encodeLayer(const LayerReport& report, const QuantizedTensor& tensor);

/// What decodes; nothing where the bytes are damaged or of another version.
[[nodiscard]] std::optional<QuantizedTensor> decodeLayerTensor(std::string_view bytes);
[[nodiscard]] std::optional<LayerReport> decodeLayerReport(std::string_view bytes);

/// The tensor without its codes, from the file itself: neither they nor the checksum are read. Nothing where the file
/// isn't there or its header is damaged.
[[nodiscard]] std::optional<QuantizedTensor> readLayerHead(const std::filesystem::path& path);

}  // namespace qs
