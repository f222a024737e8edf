#pragma once

#include <functional>

#include "core/exporters/export_units.h"

namespace qs {

/// Writes the parts of one quantized layer to the sink.
using WriteLayer = std::function<void(const ExportUnit&, const QuantizedTensor& layer, const TensorSink&)>;

/// Writes a model as one safetensors file, input scales kept beside their layers. The file is read again before it
/// appears: all that was handed to the sinks has to be in it, byte for byte.
[[nodiscard]] ExportResult exportSafetensorsFile(const ExportSource& source, const ExportOptions& options,
                                                 const PartsOfLayer& partsOf, const WriteLayer& writeLayer,
                                                 const RunContext& context);

/// Bytes of a file, or of all files in a folder.
[[nodiscard]] std::uint64_t bytesOnDisk(const std::filesystem::path& path);

}  // namespace qs
