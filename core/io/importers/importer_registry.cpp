#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "core/base/error.h"
#include "core/io/formats/model_folder.h"
#include "core/io/importers/importer.h"
#include "core/io/strict_json.h"

namespace qs {

namespace {

constexpr std::uint64_t kMaximumConfigBytes = std::uint64_t{16} << 20U;

// Methods that others load and this program doesn't decode.
bool isNamed(std::string_view method) {
  constexpr std::array<std::string_view, 10> kNamed{"hqq",  "torchao",    "quanto", "modelopt", "eetq",
                                                    "aqlm", "fbgemm_fp8", "higgs",  "vptq",     "spqr"};
  return std::find(kNamed.begin(), kNamed.end(), method) != kNamed.end();
}

std::filesystem::path folderOf(const Checkpoint::Contents& contents) {
  std::error_code ignored;
  return std::filesystem::is_directory(contents.path, ignored) ? contents.path : contents.path.parent_path();
}

// AutoGPTQ and llm-awq wrote their settings to files of their own.
std::optional<QuantizationConfig> standaloneConfig(const std::filesystem::path& folder) {
  using Row = std::pair<const char*, const char*>;
  for (const auto& [file, method] : {Row{"quantize_config.json", "gptq"}, Row{"quant_config.json", "awq"}}) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(folder / file, ignored)) continue;
    const std::string subject = (folder / file).string();
    const std::string text = readTextFile(folder / file, kMaximumConfigBytes);
    nlohmann::json json = parseStrictJson(text, subject);
    if (!json.is_object()) throw mismatchError(subject, "content", "an object", json.type_name());
    if (!json.contains("quant_method")) json["quant_method"] = method;
    return QuantizationConfig(std::move(json), subject, keysInOrder(text, "dynamic"));
  }
  return std::nullopt;
}

std::optional<QuantizationConfig> findConfig(const Checkpoint::Contents& contents) {
  const std::filesystem::path folder = folderOf(contents);
  if (!contents.configJson.empty()) {
    const std::string subject = (folder / "config.json").string();
    nlohmann::json config = parseStrictJson(contents.configJson, subject);
    const auto found = config.find("quantization_config");
    if (found != config.end() && !found->is_null()) {
      if (!found->is_object()) throw mismatchError(subject, "quantization_config", "an object", found->type_name());
      return QuantizationConfig(std::move(*found), subject + ": quantization_config",
                                keysInOrder(contents.configJson, "dynamic"));
    }
  }
  return standaloneConfig(folder);
}

}  // namespace

std::span<const ImporterInfo> allImporters() {
  static constexpr std::array kImporters{
      ImporterInfo{"gptq", "GPTQ", importGptq},
      ImporterInfo{"awq", "AWQ", importAwq},
      ImporterInfo{"compressed-tensors", "compressed-tensors", importCompressedTensors},
      ImporterInfo{"bitsandbytes", "bitsandbytes", importBitsandbytes},
      ImporterInfo{"fp8", "FP8", importFp8},
  };
  return kImporters;
}

void importQuantizedLayers(Checkpoint::Contents& contents) {
  const std::optional<QuantizationConfig> config = findConfig(contents);
  if (!config) return;
  for (const ImporterInfo& importer : allImporters()) {
    if (importer.quantMethod != config->method()) continue;
    importer.import(*config, contents);
    contents.format = importer.name;
    return;
  }
  contents.warnings.push_back(config->subject() + ": quant_method \"" + config->method() +
                              (isNamed(config->method()) ? "\" is not decoded" : "\" is not known") +
                              ": tensors appear as they are stored");
}

}  // namespace qs
