#include "core/exporters/model_folder_export.h"

#include <array>

#include "core/base/error.h"
#include "core/exporters/sharded_writer.h"
#include "core/exporters/single_file_export.h"
#include "core/io/mapped_file.h"
#include "core/io/output_folder.h"
#include "core/io/reader_registry.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

namespace fs = std::filesystem;

void copyFile(const fs::path& from, const fs::path& to) {
  const auto source = MappedFile::open(from);
  OutputFile file(to, false, source->size());
  file.writeAt(0, source->bytes());
  file.place();
}

class FolderExport {
 public:
  FolderExport(const ExportSource& source, const ExportOptions& options, const FolderFormat& format,
               const RunContext& context)
      : m_source(source),
        m_options(options),
        m_format(format),
        m_context(context),
        m_model(source, InputScales::Folded, context),
        m_units(planUnits(m_model, format.partsOf, context)) {
    if (m_model.layers().empty()) throw failedError(options.path.string(), "the run quantized no layer");
    for (const ExportUnit& unit : m_units) m_check.expect(nameOf(unit), unit.tensor->info.shape);
  }

  ExportResult run() {
    // First, because it may decide how layers are packed.
    const nlohmann::json configuration = m_format.configuration(m_model.layers(), m_model.unquantizedLinears());
    OutputFolder folder(m_options.path, m_options.replace);
    ExportResult result;
    try {
      write(folder.inside(), configuration);
      m_check.compare(*openCheckpoint(folder.inside()), result, m_context);
    } catch (const Error& error) {
      throw folder.inItsPlace(error);
    }
    folder.commit();
    result.bytes = bytesOnDisk(m_options.path);
    return result;
  }

 private:
  void write(const fs::path& folder, const nlohmann::json& configuration) {
    ShardedWriter shards(folder, m_units, m_options.shardBytes);
    const TensorSink sink = [&shards](std::string_view tensor, std::span<const std::byte> bytes) {
      shards.append(tensor, bytes);
    };
    streamUnits(
        m_units, [&](const ExportUnit& unit) { writeUnit(unit, sink); }, m_context);
    shards.place();
    writeConfiguration(folder, configuration);
    copyTokenizer(folder);
  }

  // A quantized layer is read back under the name that its weights had.
  [[nodiscard]] static std::string nameOf(const ExportUnit& unit) {
    return unit.layer.empty() ? unit.tensor->info.name : unit.layer + ".weight";
  }
  void writeUnit(const ExportUnit& unit, const TensorSink& sink) {
    if (unit.layer.empty()) return copyUnit(m_model, unit, sink, m_check, m_context);
    const QuantizedTensor layer = m_model.load(unit.layer);
    for (const PackedTensor& part : m_format.pack(layer, unit.layer)) sink(unit.layer + "." + part.suffix, part.bytes);
    promiseDequantized(layer, isStoredTransposed(m_source.model, unit.tensor->info), nameOf(unit), m_check, m_context);
  }

  void writeConfiguration(const fs::path& folder, const nlohmann::json& configuration) const {
    auto config = nlohmann::ordered_json::parse(m_source.model.contents().configJson);
    config["quantization_config"] = configuration;
    writeOutputFile(folder / "config.json", config.dump(2) + "\n", false);
    if (!m_format.configurationFile.empty())
      writeOutputFile(folder / m_format.configurationFile, configuration.dump(2) + "\n", false);
  }

  void copyTokenizer(const fs::path& folder) const {
    const fs::path& from = m_source.model.contents().tokenizerFolder;
    if (from.empty()) return;
    static constexpr std::array kFiles{"tokenizer.json",    "tokenizer.model",     "tokenizer_config.json",
                                       "vocab.json",        "merges.txt",          "special_tokens_map.json",
                                       "added_tokens.json", "chat_template.jinja", "generation_config.json"};
    std::error_code ignored;
    for (const char* name : kFiles)
      if (fs::exists(from / name, ignored)) copyFile(from / name, folder / name);
  }

  const ExportSource& m_source;
  const ExportOptions& m_options;
  const FolderFormat& m_format;
  const RunContext& m_context;
  PromisedModel m_model;
  std::vector<ExportUnit> m_units;
  RoundTripCheck m_check;
};

}  // namespace

ExportResult exportModelFolder(const ExportSource& source, const ExportOptions& options, const FolderFormat& format,
                               const RunContext& context) {
  return FolderExport(source, options, format, context).run();
}

}  // namespace qs
