#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "core/session/run_store.h"

namespace qs {

/// What an exporter writes from: the model, and a finished run's report and stored layers.
struct ExportSource {
  const Checkpoint& model;
  const QuantRequest& request;
  const QuantReport& report;
  const RunStore& store;
};

/// How the person wants it written.
struct ExportOptions {
  std::filesystem::path path;  ///< file, or folder for multi-file formats
  bool replace = false;        ///< whether an existing output may be replaced
  std::uint64_t shardBytes = 5'000'000'000;
  std::map<std::string, std::string> extra;  ///< a format's own options, e.g. {"gguf_type", "q4_k"}
};

/// What an export came to. It was read back, and every value is what the run promised: else it had failed.
struct ExportResult {
  std::uint64_t bytes = 0;    ///< of all files
  std::uint64_t tensors = 0;  ///< compared with what was promised
  std::uint64_t values = 0;   ///< of those tensors
  std::vector<std::string> notes;
  std::vector<LayerReportPtr> remade;  ///< layers whose figures the format changes, as they stand in it
};

/// One finding of a preflight.
struct PreflightFinding {
  bool blocking = false;  ///< the format can't hold it
  std::string layer;      ///< empty = the whole run
  std::string message;    ///< what doesn't fit and what would have to change
};

/// An export that goes on while the run does, so that its layers needn't be read again. Where it isn't finished,
/// nothing is left.
class RunningExport {
 public:
  virtual ~RunningExport() = default;
  RunningExport() = default;
  RunningExport(const RunningExport&) = delete;
  RunningExport& operator=(const RunningExport&) = delete;
  RunningExport(RunningExport&&) = delete;
  RunningExport& operator=(RunningExport&&) = delete;

  /// Writes a layer that the run has finished; those that it isn't given come from the store. Thread-safe.
  virtual void take(const std::string& layer, const QuantizedTensor& tensor) = 0;
  /// Does the rest, as ExporterInfo::write does all of it.
  [[nodiscard]] virtual ExportResult finish(const ExportSource& source) = 0;
};

/// An output format.
struct ExporterInfo {
  std::string id;       ///< as --format names it
  std::string name;     ///< for menus
  std::string loaders;  ///< who loads it
  std::string suffix;   ///< ".safetensors"; empty for a folder
  bool writesFolder = false;
  /// The types of scales that it holds, its usual one first: a run keeps one of them for it (scaleTypeFor()).
  std::vector<ScaleType> scaleTypes{ScaleType::F32};
  /// What the format can't hold, before any work: from the request and the model's shapes alone.
  std::function<std::vector<PreflightFinding>(const Checkpoint&, const QuantRequest&, const ExportOptions&)> preflight;
  /// Writes it, streaming, aside, reads it back and compares every tensor with what the run promised, and renames it.
  /// Throws Error or Cancelled; then nothing is left under the final name.
  std::function<ExportResult(const ExportSource&, const ExportOptions&, const RunContext&)> write;
  /// Begins the same before the run, and gives nothing where what will be written depends on what the run finds, or
  /// the run may take so long that an interrupted one is usual. May be empty: the format always needs the whole run.
  std::function<std::unique_ptr<RunningExport>(const Checkpoint&, const QuantRequest&, const RunStore&,
                                               const ExportOptions&, const RunContext&)>
      begin = {};
};

}  // namespace qs
