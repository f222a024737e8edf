#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "core/base/error.h"
#include "core/io/formats/gguf_sources.h"
#include "core/io/formats/model_folder.h"
#include "core/io/importers/codes_importer.h"
#include "core/io/importers/importer.h"
#include "core/io/strict_json.h"

namespace qs {

namespace {

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

bool isGpt2(const Checkpoint::Contents& contents) {
  const nlohmann::json config = nlohmann::json::parse(contents.configJson, nullptr, false);
  return config.is_object() && config.value("model_type", nlohmann::json()) == "gpt2";
}

// Packed layers are [out, in]; everywhere else GPT-2's Conv1D weights are [in, out], and so they appear.
void transposeConv1d(Checkpoint::Contents& contents) {
  for (CheckpointTensor& tensor : contents.tensors) {
    Shape& shape = tensor.info.shape;
    if (tensor.info.storedScheme.empty() || shape.size() != 2) continue;
    for (const char* name : {".c_attn.weight", ".c_proj.weight", ".c_fc.weight"}) {
      if (!tensor.info.name.ends_with(name)) continue;
      tensor.source = transposedSource(std::move(tensor.source), shape[0], shape[1]);
      std::swap(shape[0], shape[1]);
      break;
    }
  }
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
  if (isStoredCodes(contents)) {
    importStoredCodes(contents);
    contents.format = "QuantScope codes";
    if (isGpt2(contents)) transposeConv1d(contents);
    return;
  }
  const std::optional<QuantizationConfig> config = findConfig(contents);
  if (!config) return;
  for (const ImporterInfo& importer : allImporters()) {
    if (importer.quantMethod != config->method()) continue;
    importer.import(*config, contents);
    contents.format = importer.name;
    if (importer.quantMethod != std::string_view("bitsandbytes") && isGpt2(contents)) transposeConv1d(contents);
    return;
  }
  contents.warnings.push_back(config->subject() + ": quant_method \"" + config->method() +
                              (isNamed(config->method()) ? "\" is not decoded" : "\" is not known") +
                              ": tensors appear as they are stored");
}

}  // namespace qs
