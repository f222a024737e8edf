#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/exporters/export_units.h"
#include "core/io/layouts/packed_tensor.h"

namespace qs {

/// What an exporter of quantized Hugging Face folders adds to the common work.
struct FolderFormat {
  /// The tensors that a layer of this kind becomes; without its codes.
  PartsOfLayer partsOf;
  /// The same with their bytes; suffixes as in partsOf.
  std::function<PackedTensors(const QuantizedTensor& layer, const std::string& name)> pack;
  /// `quantization_config` of config.json, from the quantized layers and the names of the linears that aren't.
  std::function<nlohmann::json(const std::vector<LayerSummary>& layers, const std::vector<std::string>& unquantized)>
      configuration;
  /// File name for a copy of the configuration beside config.json; empty = none.
  std::string configurationFile;
};

/// Writes a whole model folder: shards with their index, config.json with its `quantization_config`, tokenizer files;
/// input scales folded into the operations before. Before the folder appears, it is read again through the readers of
/// core/io, and every tensor is compared with what the run promised. Throws Error (Failed) where they differ, or
/// Cancelled.
[[nodiscard]] ExportResult exportModelFolder(const ExportSource& source, const ExportOptions& options,
                                             const FolderFormat& format, const RunContext& context);

/// The same begun before the run (ExporterInfo::begin): where nothing is calibrated or trained, and what layers become
/// follows from the request and their shapes. It is checked against what the run made in the end, and done anew if it
/// wasn't so.
[[nodiscard]] std::unique_ptr<RunningExport> beginModelFolder(const Checkpoint& model, const QuantRequest& request,
                                                              const RunStore& store, const ExportOptions& options,
                                                              const FolderFormat& format, const RunContext& context);

}  // namespace qs
