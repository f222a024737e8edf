#include "core/exporters/model_folder_export.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/exporters/sharded_writer.h"
#include "core/io/output_folder.h"
#include "core/io/reader_registry.h"
#include "core/session/layer_filter.h"

namespace qs {

namespace {

namespace fs = std::filesystem;

// The layers as planned: all but their codes.
struct Heads {
  std::vector<QuantizedTensor> tensors;
  std::string scaledLayer;  ///< one that has an input scale; empty = none
};

class FolderExport {
 public:
  FolderExport(const ExportSource& source, const ExportOptions& options, const FolderFormat& format,
               const RunContext& context)
      : m_source(source), m_options(options), m_format(format), m_context(context) {}

  void run() {
    planLayers();
    OutputFolder folder(m_options.path, m_options.replace);
    ShardedWriter shards(folder.inside(), m_units, m_options.shardBytes);
    streamUnits(
        m_units, [this](const ExportUnit& unit, const TensorSink& out) { writeUnit(unit, out); },
        [&shards](std::string_view tensor, std::span<const std::byte> bytes) { shards.append(tensor, bytes); },
        m_context);
    shards.commit();
    writeConfiguration(folder.inside());
    copyTokenizer(folder.inside());
    verify(folder.inside());
    folder.commit();
  }

 private:
  void planLayers() {
    Heads heads;
    const PartsOfLayer partsOf = [&](const ExportUnit& unit, const QuantizedTensor& head) {
      heads.tensors.push_back(head);
      if (!head.inputScale.empty()) heads.scaledLayer = unit.layer;
      return m_format.partsOf(unit, head);
    };
    m_units = planUnits(m_source, partsOf, m_context);
    if (!heads.scaledLayer.empty())
      throw failedError("layer '" + heads.scaledLayer + "'",
                        "has an input scale that would have to be folded into the operation before it: export it as "
                        "dequantized or as safetensors");
    m_configuration = m_format.configuration(heads.tensors, unquantizedLinears());
  }

  [[nodiscard]] std::vector<std::string> unquantizedLinears() const {
    std::vector<std::string> names;
    for (const ExportUnit& unit : m_units) {
      const TensorRole role = tensorRole(unit.tensor->info);
      if (unit.layer.empty() && (role == TensorRole::Linear || role == TensorRole::Head))
        names.push_back(layerName(unit.tensor->info.name));
    }
    return names;
  }

  void writeUnit(const ExportUnit& unit, const TensorSink& out) const {
    for (const PackedTensor& part : m_format.pack(requireStoredLayer(m_source, unit.layer), unit.layer))
      out(unit.layer + "." + part.suffix, part.bytes);
  }

  void writeConfiguration(const fs::path& folder) const {
    auto config = nlohmann::ordered_json::parse(m_source.model.contents().configJson);
    config["quantization_config"] = m_configuration;
    writeOutputFile(folder / "config.json", config.dump(2) + "\n", false);
    if (!m_format.configurationFile.empty())
      writeOutputFile(folder / m_format.configurationFile, m_configuration.dump(2) + "\n", false);
  }

  void copyTokenizer(const fs::path& folder) const {
    const fs::path& from = m_source.model.contents().tokenizerFolder;
    if (from.empty()) return;
    static constexpr std::array kFiles{"tokenizer.json",    "tokenizer.model",     "tokenizer_config.json",
                                       "vocab.json",        "merges.txt",          "special_tokens_map.json",
                                       "added_tokens.json", "chat_template.jinja", "generation_config.json"};
    for (const char* name : kFiles) {
      std::error_code failure;
      if (fs::exists(from / name, failure)) fs::copy_file(from / name, folder / name, failure);
      if (failure) throw failedError((m_options.path / name).string(), "can't be written: " + failure.message());
    }
  }

  void verify(const fs::path& folder) const {
    const auto written = openCheckpoint(folder);
    std::vector<const ExportUnit*> layers;
    for (const ExportUnit& unit : m_units)
      if (!unit.layer.empty()) layers.push_back(&unit);
    if (m_context.progress != nullptr)
      m_context.progress->beginStage("Checking", "layers", static_cast<double>(layers.size()));
    inWorkerArena(m_context, [&] {
      parallelFor(m_context, layers.size(), [&](std::size_t i) {
        verifyLayer(*written, *layers[i]);
        m_context.advance(1);
      });
    });
  }

  void verifyLayer(const Checkpoint& written, const ExportUnit& unit) const {
    const CheckpointTensor& tensor = written.require(unit.layer + ".weight");
    const QuantizedTensor layer = requireStoredLayer(m_source, unit.layer);
    if (tensor.info.shape != Shape{layer.rows, layer.cols})
      throw failedError("layer '" + unit.layer + "'", "reads back with shape " + toText(tensor.info.shape));
    Matrix promised(1, layer.cols);
    Matrix read(1, layer.cols);
    for (std::size_t row = 0; row < layer.rows; ++row) {
      dequantizeRows(layer, row, promised.span());
      tensor.source->read(row * layer.cols, read.values());
      if (promised != read)
        throw failedError("layer '" + unit.layer + "'",
                          "row " + std::to_string(row) + " of the written file differs from what the run promised");
    }
    tensor.source->release();
  }

  const ExportSource& m_source;
  const ExportOptions& m_options;
  const FolderFormat& m_format;
  const RunContext& m_context;
  std::vector<ExportUnit> m_units;
  nlohmann::json m_configuration;
};

}  // namespace

void exportModelFolder(const ExportSource& source, const ExportOptions& options, const FolderFormat& format,
                       const RunContext& context) {
  FolderExport(source, options, format, context).run();
}

}  // namespace qs
