#include <algorithm>
#include <array>
#include <memory>

#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/importers/layer_parts.h"
#include "core/io/strict_json.h"

namespace qs {

namespace {

constexpr std::array<const char*, 2> kStates{"weight.quant_state.bitsandbytes__nf4",
                                             "weight.quant_state.bitsandbytes__fp4"};

std::vector<float> readAll(const CheckpointTensor& tensor) {
  std::vector<float> values(tensor.info.elements);
  tensor.source->read(0, values);
  return values;
}

const CheckpointTensor& require(const LayerParts& parts, std::string_view suffix) {
  const CheckpointTensor* part = parts.find(suffix);
  if (part == nullptr)
    throw inputError(parts.file() + ": " + parts.layer, "the tensor ." + std::string(suffix) + " is missing");
  return *part;
}

// 4-bit codes of the flattened matrix, high nibble first; blocks may cross rows.
class FourBitSource final : public TensorSource {
 public:
  FourBitSource(CheckpointTensor codes, std::vector<float> absMax, std::vector<float> codebook, std::uint64_t blockSize)
      : m_codes(std::move(codes)),
        m_absMax(std::move(absMax)),
        m_codebook(std::move(codebook)),
        m_blockSize(blockSize) {}

  void read(std::uint64_t first, std::span<float> out) const override {
    const std::span<const std::byte> bytes = m_codes.source->stored()->bytes;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t at = first + i;
      const auto byte = std::to_integer<unsigned>(bytes[at / 2]);
      out[i] = m_codebook[at % 2 == 0 ? byte >> 4U : byte & 15U] * m_absMax[at / m_blockSize];
    }
  }
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  void release() const override { m_codes.source->release(); }

 private:
  CheckpointTensor m_codes;
  std::vector<float> m_absMax;
  std::vector<float> m_codebook;
  std::uint64_t m_blockSize;
};

// LLM.int8(): codes times the row's abs-max over 127.
class EightBitSource final : public TensorSource {
 public:
  EightBitSource(CheckpointTensor codes, std::vector<float> rowAbsMax)
      : m_codes(std::move(codes)), m_rowAbsMax(std::move(rowAbsMax)) {}

  void read(std::uint64_t first, std::span<float> out) const override {
    m_codes.source->read(first, out);
    const std::uint64_t cols = m_codes.info.shape[1];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= m_rowAbsMax[(first + i) / cols] / 127.0F;
  }
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  void release() const override { m_codes.source->release(); }

 private:
  CheckpointTensor m_codes;
  std::vector<float> m_rowAbsMax;
};

struct State {
  std::string type;
  std::uint64_t blockSize = 0;
  Shape shape;
  std::uint64_t nestedBlockSize = 0;
  double nestedOffset = 0;
};

std::uint64_t positive(const nlohmann::json& json, const char* key, const std::string& subject) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer() || found->get<std::int64_t>() <= 0)
    throw mismatchError(subject, key, "a positive whole number", found == json.end() ? "none" : found->dump());
  return found->get<std::uint64_t>();
}

State parseState(const CheckpointTensor& tensor) {
  const std::string subject = tensor.file + ": " + tensor.info.name;
  const std::optional<TensorView> view = tensor.source->stored();
  if (!view || view->dtype != DType::U8) throw mismatchError(subject, "dtype", "U8", name(tensor.info.dtype));
  const nlohmann::json json =
      parseStrictJson({reinterpret_cast<const char*>(view->bytes.data()), view->bytes.size()}, subject);
  if (!json.is_object()) throw mismatchError(subject, "content", "an object", json.type_name());
  State state{.type = json.value("quant_type", ""), .blockSize = positive(json, "blocksize", subject)};
  const auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array() || shape->size() != 2)
    throw mismatchError(subject, "shape", "[out, in]", shape == json.end() ? "none" : shape->dump());
  for (const nlohmann::json& size : *shape) {
    if (!size.is_number_unsigned()) throw mismatchError(subject, "shape", "whole numbers", shape->dump());
    state.shape.push_back(size.get<std::uint64_t>());
  }
  if (json.contains("nested_blocksize")) {
    state.nestedBlockSize = positive(json, "nested_blocksize", subject);
    if (json.contains("nested_offset") && json["nested_offset"].is_number()) state.nestedOffset = json["nested_offset"];
  }
  return state;
}

void requireCount(const CheckpointTensor& tensor, std::uint64_t expected) {
  if (tensor.info.elements != expected)
    throw mismatchError(tensor.file + ": " + tensor.info.name, "elements", std::to_string(expected),
                        std::to_string(tensor.info.elements));
}

// The blocks' abs-max values: stored in F32, or as 8-bit codes with a second level of scales.
std::vector<float> absMaxOf(const LayerParts& parts, const State& state, std::uint64_t blocks) {
  const CheckpointTensor& absMax = require(parts, "weight.absmax");
  requireCount(absMax, blocks);
  std::vector<float> values = readAll(absMax);
  if (state.nestedBlockSize == 0) return values;
  const CheckpointTensor& nestedAbsMax = require(parts, "weight.nested_absmax");
  const CheckpointTensor& nestedMap = require(parts, "weight.nested_quant_map");
  if (absMax.info.dtype != DType::U8)
    throw mismatchError(absMax.file + ": " + absMax.info.name, "dtype", "U8", name(absMax.info.dtype));
  requireCount(nestedAbsMax, (blocks + state.nestedBlockSize - 1) / state.nestedBlockSize);
  requireCount(nestedMap, 256);
  const std::vector<float> scales = readAll(nestedAbsMax);
  const std::vector<float> map = readAll(nestedMap);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = map[static_cast<std::size_t>(values[i])] * scales[i / state.nestedBlockSize] +
                static_cast<float>(state.nestedOffset);
  return values;
}

CheckpointTensor importFourBit(const LayerParts& parts, const char* stateSuffix) {
  const State state = parseState(require(parts, stateSuffix));
  const CheckpointTensor& codes = require(parts, "weight");
  const std::string subject = parts.file() + ": " + parts.layer;
  const std::optional<std::uint64_t> elements = elementCount(state.shape);
  if (!elements || codes.info.dtype != DType::U8 || codes.info.bytes != (*elements + 1) / 2)
    throw mismatchError(subject, "weight", "U8 with half as many bytes as the shape has elements",
                        toText(codes.info.shape));
  const CheckpointTensor& map = require(parts, "weight.quant_map");
  requireCount(map, 16);
  std::vector<float> absMax = absMaxOf(parts, state, (*elements + state.blockSize - 1) / state.blockSize);
  CheckpointTensor tensor;
  tensor.info = {.name = parts.layer + ".weight",
                 .dtype = DType::F16,
                 .shape = state.shape,
                 .elements = *elements,
                 .bytes = parts.bytes(),
                 .storedScheme = "bitsandbytes " + state.type + ", blocks of " + std::to_string(state.blockSize)};
  tensor.file = parts.file();
  tensor.source = std::make_shared<const FourBitSource>(codes, std::move(absMax), readAll(map), state.blockSize);
  return tensor;
}

CheckpointTensor importEightBit(const LayerParts& parts) {
  const CheckpointTensor& codes = require(parts, "weight");
  const CheckpointTensor& scales = require(parts, "SCB");
  const std::string subject = parts.file() + ": " + parts.layer;
  if (codes.info.dtype != DType::I8 || codes.info.shape.size() != 2)
    throw mismatchError(subject, "weight", "I8 with 2 dimensions", toText(codes.info.shape));
  requireCount(scales, codes.info.shape[0]);
  CheckpointTensor tensor{.info = codes.info, .file = codes.file};
  tensor.info.bytes = parts.bytes();
  tensor.info.storedScheme = "bitsandbytes 8-bit, per channel";
  tensor.source = std::make_shared<const EightBitSource>(codes, readAll(scales));
  return tensor;
}

}  // namespace

void importBitsandbytes(const QuantizationConfig&, Checkpoint::Contents& contents) {
  for (const char* state : kStates)
    for (const LayerParts& parts : takeLayers(
             contents.tensors, state,
             {"weight", "weight.absmax", "weight.quant_map", "weight.nested_absmax", "weight.nested_quant_map", state}))
      contents.tensors.push_back(importFourBit(parts, state));
  for (const LayerParts& parts : takeLayers(contents.tensors, "SCB", {"weight", "SCB", "weight_format"}))
    contents.tensors.push_back(importEightBit(parts));
}

}  // namespace qs
