#include "core/exporters/model_folder_export.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "core/base/background_queue.h"
#include "core/base/error.h"
#include "core/exporters/layer_preflight.h"
#include "core/exporters/round_trip_check.h"
#include "core/exporters/sharded_writer.h"
#include "core/exporters/single_file_export.h"
#include "core/io/mapped_file.h"
#include "core/io/output_folder.h"
#include "core/io/reader_registry.h"
#include "core/session/linear_weights.h"
#include "core/session/model_training.h"

namespace qs {

namespace {

namespace fs = std::filesystem;

void copyFile(const fs::path& from, const fs::path& to) {
  const auto source = MappedFile::open(from);
  OutputFile file(to, false, source->size());
  file.writeAt(0, source->bytes());
  file.place();
}

// What is planned of a folder: its tensors, and its configuration.
struct FolderPlan {
  FolderPlan(const PromisedModel& model, const FolderFormat& format, const RunContext& context)
      : units(planUnits(model, format.partsOf, context)),
        // Here, because it may decide how layers are packed.
        configuration(format.configuration(model.layers(), model.unquantizedLinears())) {}

  std::vector<ExportUnit> units;
  nlohmann::json configuration;

  bool operator==(const FolderPlan&) const = default;
};

// A quantized layer is read back under the name that its weights had.
std::string nameOf(const ExportUnit& unit) {
  return unit.layer.empty() ? unit.tensor->info.name : unit.layer + ".weight";
}

class FolderExport {
 public:
  FolderExport(const Checkpoint& model, const ExportOptions& options, const FolderFormat& format, FolderPlan plan,
               const RunContext& context)
      : m_model(model),
        m_options(options),
        m_format(format),
        m_plan(std::move(plan)),
        m_context(context),
        m_folder(options.path, options.replace) {
    inPlace([&] { m_shards = std::make_unique<ShardedWriter>(m_folder.inside(), m_plan.units, m_options.shardBytes); });
    m_sink = [this](std::string_view tensor, std::span<const std::byte> bytes) { m_shards->append(tensor, bytes); };
    for (const ExportUnit& unit : m_plan.units) {
      m_check.expect(nameOf(unit), unit.tensor->info.shape);
      if (!unit.layer.empty()) m_layers.emplace(unit.layer, &unit);
    }
  }

  [[nodiscard]] const FolderPlan& plan() const { return m_plan; }

  // The disk has time while the run computes: what isn't quantized is copied, and each tensor is read back as soon as
  // it is written.
  void beginBeside(const PromisedModel& model) {
    inPlace([&] {
      writeConfiguration();
      m_shards->appear();
      m_readBack = openCheckpoint(m_folder.inside());
    });
    for (const ExportUnit& unit : m_plan.units)
      if (unit.layer.empty()) m_copying.push(0, [this, &model, &unit] { copy(model, unit); });
  }

  // Thread-safe.
  void writeLayer(const std::string& name, const QuantizedTensor& layer) {
    const ExportUnit& unit = *m_layers.at(name);
    inPlace([&] {
      std::uint64_t bytes = 0;
      for (const PackedTensor& part : m_format.pack(layer, name)) {
        m_shards->append(name + "." + part.suffix, part.bytes);
        if (part.suffix != "weight_shape" && !part.suffix.starts_with("input_")) bytes += part.bytes.size();
      }
      const std::lock_guard lock(m_mutex);
      m_bytes[name] = bytes;
    });
    if (isReadBackAs(unit, layer)) return setWritten(unit);
    promiseDequantized(layer, isStoredTransposed(m_model, unit.tensor->info), nameOf(unit), m_check, m_context);
    finishUnit(unit);
  }

  ExportResult finish(const PromisedModel& model) {
    ExportResult result;
    m_copying.finish();
    inPlace([&] {
      writeRest(model);
      m_check.compare(*openCheckpoint(m_folder.inside()), result, m_context);
    });
    m_folder.commit();
    result.bytes = bytesOnDisk(m_options.path);
    for (const LayerReportPtr& layer : model.source().report.layers)
      if (const auto bytes = m_bytes.find(layer->name);
          bytes != m_bytes.end() && bytes->second != layer->quantizedBytes)
        result.remade.push_back(withSize(*layer, bytes->second));
    return result;
  }

 private:
  // A format may store what the run doesn't need: zero points of symmetric codes, a plain group index, wider scales.
  static LayerReportPtr withSize(LayerReport report, std::uint64_t bytes) {
    report.quantizedBytes = bytes;
    report.bitsPerWeight = 8.0 * static_cast<double>(bytes) / static_cast<double>(*elementCount(report.shape));
    return std::make_shared<const LayerReport>(std::move(report));
  }

  // Faults name files as they will be called.
  template <typename Work>
  void inPlace(const Work& work) const {
    try {
      work();
    } catch (const Error& error) {
      throw m_folder.inItsPlace(error);
    }
  }

  void copy(const PromisedModel& model, const ExportUnit& unit) {
    inPlace([&] { copyUnit(model, unit, m_sink, m_check, m_context); });
    unit.tensor->source->release();
    finishUnit(unit);
  }

  void finishUnit(const ExportUnit& unit) {
    if (m_readBack) inPlace([&] { m_check.compareEarly(*m_readBack, nameOf(unit), m_context); });
    setWritten(unit);
  }

  [[nodiscard]] bool isReadBackAs(const ExportUnit& unit, const QuantizedTensor& layer) {
    if (!m_readBack || isStoredTransposed(m_model, unit.tensor->info)) return false;
    bool isSame = false;
    inPlace([&] { isSame = m_check.readsBackAs(*m_readBack, nameOf(unit), layer); });
    return isSame;
  }

  void setWritten(const ExportUnit& unit) {
    const std::lock_guard lock(m_mutex);
    m_written.insert(nameOf(unit));
  }

  void writeRest(const PromisedModel& model) {
    std::vector<ExportUnit> rest;
    for (const ExportUnit& unit : m_plan.units)
      if (!m_written.contains(nameOf(unit))) rest.push_back(unit);
    const auto write = [&](const ExportUnit& unit) {
      if (unit.layer.empty())
        copy(model, unit);
      else
        writeLayer(unit.layer, model.load(unit.layer));
    };
    streamUnits(rest, write, m_context);
    m_shards->place();
    if (!m_readBack) writeConfiguration();
    copyTokenizer();
  }

  void writeConfiguration() const {
    const fs::path& folder = m_folder.inside();
    auto config = nlohmann::ordered_json::parse(m_model.contents().configJson);
    config["quantization_config"] = m_plan.configuration;
    writeOutputFile(folder / "config.json", config.dump(2) + "\n", false);
    if (!m_format.configurationFile.empty())
      writeOutputFile(folder / m_format.configurationFile, m_plan.configuration.dump(2) + "\n", false);
  }

  void copyTokenizer() const {
    const fs::path& from = m_model.contents().tokenizerFolder;
    if (from.empty()) return;
    static constexpr std::array kFiles{"tokenizer.json",    "tokenizer.model",     "tokenizer_config.json",
                                       "vocab.json",        "merges.txt",          "special_tokens_map.json",
                                       "added_tokens.json", "chat_template.jinja", "generation_config.json"};
    std::error_code ignored;
    for (const char* name : kFiles)
      if (fs::exists(from / name, ignored)) copyFile(from / name, m_folder.inside() / name);
  }

  const Checkpoint& m_model;
  ExportOptions m_options;
  FolderFormat m_format;
  FolderPlan m_plan;
  RunContext m_context;
  OutputFolder m_folder;
  std::unique_ptr<ShardedWriter> m_shards;
  RoundTripCheck m_check;
  std::shared_ptr<const Checkpoint> m_readBack;  // of what is still written
  std::map<std::string, const ExportUnit*> m_layers;
  std::mutex m_mutex;
  std::map<std::string, std::uint64_t> m_bytes;  // of codes, scales, zero points and group index, by layer
  std::set<std::string> m_written;               // by the names under which they are read back
  TensorSink m_sink;
  BackgroundQueue m_copying{1, 0};  // the last member: its thread uses the others
};

// What a run will make, as the request and the model's shapes tell it; no layers where the run decides.
struct Forecast {
  QuantReport report;  // names only
  std::map<std::string, QuantizedTensor> heads;
};

// The model as the forecast has it.
struct ForecastModel {
  ForecastModel(Forecast forecast, const Checkpoint& source, const QuantRequest& request, const RunStore& store,
                const RunContext& context)
      : told(std::move(forecast)),
        model(
            {source, request, told.report, store}, [this](const std::string& layer) { return told.heads.at(layer); },
            context) {}

  Forecast told;
  PromisedModel model;
};

Forecast forecastOf(const Checkpoint& model, const QuantRequest& request) {
  if (hasCalibration(request) || trainsModel(request)) return {};
  Forecast forecast;
  for (const PreflightLayer& layer : preflightLayers(model, request, request.scaleType)) {
    if (layer.quantizesInputs || layer.scalesInputs || layer.mayReorderGroups) return {};
    QuantizedTensor head{.scheme = layer.scheme, .rows = layer.rows, .cols = layer.cols};
    if (!head.scheme.symmetric) head.zeroPoints = {1.0F};  // there will be some
    forecast.heads.emplace(layer.name, std::move(head));
    forecast.report.layers.push_back(std::make_shared<const LayerReport>(LayerReport{.name = layer.name}));
  }
  return forecast;
}

// What planning looks at: whether there are zero points, and whether one is 0, but not the arrays of every group.
QuantizedTensor planningHead(const QuantizedTensor& layer) {
  QuantizedTensor head{.scheme = layer.scheme,
                       .rows = layer.rows,
                       .cols = layer.cols,
                       .groupIndex = layer.groupIndex,
                       .codebook = layer.codebook,
                       .inputScale = layer.inputScale,
                       .inputScaleKind = layer.inputScaleKind,
                       .activations = layer.activations};
  const auto& zeros = layer.zeroPoints;
  if (!zeros.empty()) head.zeroPoints = {std::find(zeros.begin(), zeros.end(), 0.0F) == zeros.end() ? 1.0F : 0.0F};
  return head;
}

class RunningFolderExport : public RunningExport {
 public:
  RunningFolderExport(std::unique_ptr<const ForecastModel> forecast, const ExportOptions& options,
                      const FolderFormat& format, const RunContext& context)
      : m_forecast(std::move(forecast)),
        m_options(options),
        m_format(format),
        m_context(context),
        m_folder(std::make_unique<FolderExport>(m_forecast->model.source().model, options, format,
                                                FolderPlan(m_forecast->model, format, context), context)) {
    m_folder->beginBeside(m_forecast->model);
  }

  void take(const std::string& layer, const QuantizedTensor& tensor) override {
    m_folder->writeLayer(layer, tensor);
    const std::lock_guard lock(m_mutex);
    m_taken.emplace(layer, planningHead(tensor));
  }

  ExportResult finish(const ExportSource& source) override {
    const auto headOf = [this](const std::string& layer) { return m_taken.at(layer); };
    const PromisedModel model = wasWatched(source.report) ? PromisedModel(source, headOf, m_context)
                                                          : PromisedModel(source, InputScales::Folded, m_context);
    if (m_folder->plan() == FolderPlan(model, m_format, m_context)) return m_folder->finish(model);
    m_folder.reset();  // the run made something else after all
    return exportModelFolder(source, m_options, m_format, m_context);
  }

 private:
  // Whether all that the run made was taken, and has no input scales: then the store needn't be asked.
  [[nodiscard]] bool wasWatched(const QuantReport& report) const {
    return std::all_of(report.layers.begin(), report.layers.end(), [this](const LayerReportPtr& layer) {
      const auto found = m_taken.find(layer->name);
      return !layer->error.empty() || (found != m_taken.end() && found->second.inputScale.empty());
    });
  }

  std::mutex m_mutex;
  std::map<std::string, QuantizedTensor> m_taken;  // without what planning doesn't look at
  std::unique_ptr<const ForecastModel> m_forecast;
  ExportOptions m_options;
  FolderFormat m_format;
  RunContext m_context;
  std::unique_ptr<FolderExport> m_folder;
};

}  // namespace

ExportResult exportModelFolder(const ExportSource& source, const ExportOptions& options, const FolderFormat& format,
                               const RunContext& context) {
  const PromisedModel model(source, InputScales::Folded, context);
  if (model.layers().empty()) throw failedError(options.path.string(), "the run quantized no layer");
  return FolderExport(source.model, options, format, FolderPlan(model, format, context), context).finish(model);
}

std::unique_ptr<RunningExport> beginModelFolder(const Checkpoint& model, const QuantRequest& request,
                                                const RunStore& store, const ExportOptions& options,
                                                const FolderFormat& format, const RunContext& context) {
  Forecast forecast = forecastOf(model, request);
  if (forecast.heads.empty()) return nullptr;
  return std::make_unique<RunningFolderExport>(
      std::make_unique<const ForecastModel>(std::move(forecast), model, request, store, context), options, format,
      context);
}

}  // namespace qs
