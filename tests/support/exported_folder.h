#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/exporters/exporter_registry.h"
#include "core/io/reader_registry.h"
#include "core/session/run_quantization.h"
#include "tests/support/random_tensors.h"
#include "tests/support/temp_folder.h"

namespace qs::test {

inline constexpr const char* kUp = "model.layers.0.mlp.up_proj";
inline constexpr const char* kDown = "model.layers.0.mlp.down_proj";
inline constexpr const char* kNorm = "model.norm.weight";

inline void writeModel(const std::filesystem::path& folder, std::uint64_t rows, std::uint64_t cols,
                       DType dtype = DType::F32) {
  const std::vector<PlannedTensor> plan{{std::string(kUp) + ".weight", dtype, {rows, cols}},
                                        {std::string(kDown) + ".weight", dtype, {cols, rows}},
                                        {kNorm, dtype, {cols}}};
  writeRandomTensors(folder / "model.safetensors", plan, 7, 0.02F);
}

// A model folder, a run over it and what was exported.
struct Exported {
  TempFolder folder;
  std::shared_ptr<const Checkpoint> model;
  QuantRequest request;
  std::unique_ptr<RunStore> store;
  QuantReport report;

  void make(std::uint64_t rows, std::uint64_t cols, DType dtype = DType::F32) {
    folder.write("in/config.json", R"({"model_type":"other","vocab_size":3})");
    folder.write("in/tokenizer.json", "{}");
    writeModel(folder.path() / "in", rows, cols, dtype);
    model = openCheckpoint(folder.path() / "in");
    request.scaleType = ScaleType::F16;
  }
  void openStore() { store = std::make_unique<RunStore>(folder.path() / "runs", *model, request); }
  void run() {
    openStore();
    report = runQuantization(*model, request, *store, {});
  }
  void write(const std::string& format, ExportOptions options = {}) {
    options.path = folder.path() / "out";
    const ExporterInfo& exporter = requireExporter(format);
    requireExportable(exporter, *model, request, options);
    exporter.write({*model, request, report, *store}, options, {});
  }
  [[nodiscard]] nlohmann::json quantization() const {
    return nlohmann::json::parse(readFile(folder.path() / "out" / "config.json")).at("quantization_config");
  }
};

inline Settings rtn(std::int64_t bits, std::int64_t groupSize, bool isSymmetric) {
  return Settings({{"bits", bits}, {"group_size", groupSize}, {"symmetric", isSymmetric}});
}

}  // namespace qs::test
