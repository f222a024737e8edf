#include <array>
#include <memory>
#include <mutex>

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

void requireCount(const CheckpointTensor& tensor, std::uint64_t expected) {
  if (tensor.info.elements != expected)
    throw mismatchError(tensor.file + ": " + tensor.info.name, "elements", std::to_string(expected),
                        std::to_string(tensor.info.elements));
}

void requireDtype(const CheckpointTensor& tensor, DType dtype) {
  if (tensor.info.dtype != dtype)
    throw mismatchError(tensor.file + ": " + tensor.info.name, "dtype", name(dtype), name(tensor.info.dtype));
}

struct State {
  std::string type;
  std::uint64_t blockSize = 0;
  Shape shape;
  std::uint64_t nestedBlockSize = 0;
  float nestedOffset = 0;
};

// 4-bit codes of the flattened matrix, high nibble first; blocks may cross rows. The blocks' scales are read with the
// first values and let go with them.
class FourBitSource final : public TensorSource {
 public:
  FourBitSource(LayerParts parts, State state) : m_parts(std::move(parts)), m_state(std::move(state)) {}

  void read(std::uint64_t first, std::span<float> out) const override {
    const std::shared_ptr<const Scales> scales = loaded();
    const std::span<const std::byte> bytes = require(m_parts, "weight").source->stored()->bytes;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t at = first + i;
      const auto byte = std::to_integer<unsigned>(bytes[at / 2]);
      out[i] = scales->codebook[at % 2 == 0 ? byte >> 4U : byte & 15U] * scales->absMax[at / m_state.blockSize];
    }
  }
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  void release() const override {
    m_parts.release();
    const std::lock_guard lock(m_mutex);
    m_scales.reset();
  }

 private:
  struct Scales {
    std::vector<float> codebook;
    std::vector<float> absMax;
  };

  [[nodiscard]] std::shared_ptr<const Scales> loaded() const {
    const std::lock_guard lock(m_mutex);
    if (m_scales == nullptr)
      m_scales = std::make_shared<const Scales>(Scales{readAll(require(m_parts, "weight.quant_map")), absMax()});
    return m_scales;
  }

  // Stored in F32, or as 8-bit codes with a second level of scales.
  [[nodiscard]] std::vector<float> absMax() const {
    std::vector<float> values = readAll(require(m_parts, "weight.absmax"));
    if (m_state.nestedBlockSize == 0) return values;
    const std::vector<float> scales = readAll(require(m_parts, "weight.nested_absmax"));
    const std::vector<float> map = readAll(require(m_parts, "weight.nested_quant_map"));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = map[static_cast<std::size_t>(values[i])] * scales[i / m_state.nestedBlockSize] + m_state.nestedOffset;
    return values;
  }

  LayerParts m_parts;
  State m_state;
  mutable std::mutex m_mutex;
  mutable std::shared_ptr<const Scales> m_scales;
};

// LLM.int8(): codes times the row's abs-max over 127.
class EightBitSource final : public TensorSource {
 public:
  explicit EightBitSource(LayerParts parts) : m_parts(std::move(parts)) {}

  void read(std::uint64_t first, std::span<float> out) const override {
    const CheckpointTensor& codes = require(m_parts, "weight");
    if (out.empty()) return;
    codes.source->read(first, out);
    const std::uint64_t cols = codes.info.shape[1];
    const std::uint64_t firstRow = first / cols;
    std::vector<float> rowAbsMax((first + out.size() - 1) / cols - firstRow + 1);
    require(m_parts, "SCB").source->read(firstRow, rowAbsMax);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= rowAbsMax[(first + i) / cols - firstRow] / 127.0F;
  }
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  void release() const override { m_parts.release(); }

 private:
  LayerParts m_parts;
};

std::uint64_t positive(const nlohmann::json& json, const char* key, const std::string& subject) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer() || found->get<std::int64_t>() <= 0)
    throw mismatchError(subject, key, "a positive whole number", found == json.end() ? "none" : found->dump());
  return found->get<std::uint64_t>();
}

std::string textOf(const nlohmann::json& json, const char* key, const std::string& subject) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string())
    throw mismatchError(subject, key, "a text", found == json.end() ? "none" : found->dump());
  return found->get<std::string>();
}

State parseState(const CheckpointTensor& tensor) {
  const std::string subject = tensor.file + ": " + tensor.info.name;
  requireDtype(tensor, DType::U8);
  const std::optional<TensorView> view = tensor.source->stored();
  if (!view) throw inputError(subject, "is not stored plainly");
  const nlohmann::json json =
      parseStrictJson({reinterpret_cast<const char*>(view->bytes.data()), view->bytes.size()}, subject);
  if (!json.is_object()) throw mismatchError(subject, "content", "an object", json.type_name());
  State state{.type = textOf(json, "quant_type", subject), .blockSize = positive(json, "blocksize", subject)};
  const auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array() || shape->size() != 2)
    throw mismatchError(subject, "shape", "[out, in]", shape == json.end() ? "none" : shape->dump());
  for (const nlohmann::json& size : *shape) {
    if (!size.is_number_unsigned()) throw mismatchError(subject, "shape", "whole numbers", shape->dump());
    state.shape.push_back(size.get<std::uint64_t>());
  }
  if (!json.contains("nested_blocksize")) return state;
  state.nestedBlockSize = positive(json, "nested_blocksize", subject);
  const auto offset = json.find("nested_offset");
  if (offset != json.end() && !offset->is_number())
    throw mismatchError(subject, "nested_offset", "a number", offset->dump());
  if (offset != json.end()) state.nestedOffset = offset->get<float>();
  return state;
}

std::uint64_t blocksOf(std::uint64_t elements, std::uint64_t blockSize) {
  return elements / blockSize + (elements % blockSize != 0 ? 1 : 0);
}

// What the sources read, by its counts and types; the values may be anything.
void requireScales(const LayerParts& parts, const State& state, std::uint64_t elements) {
  const std::uint64_t blocks = blocksOf(elements, state.blockSize);
  requireCount(require(parts, "weight.quant_map"), 16);
  requireDtype(require(parts, "weight.quant_map"), DType::F32);
  requireCount(require(parts, "weight.absmax"), blocks);
  requireDtype(require(parts, "weight.absmax"), state.nestedBlockSize == 0 ? DType::F32 : DType::U8);
  if (state.nestedBlockSize == 0) return;
  requireCount(require(parts, "weight.nested_absmax"), blocksOf(blocks, state.nestedBlockSize));
  requireDtype(require(parts, "weight.nested_absmax"), DType::F32);
  requireCount(require(parts, "weight.nested_quant_map"), 256);
  requireDtype(require(parts, "weight.nested_quant_map"), DType::F32);
}

CheckpointTensor importFourBit(LayerParts parts, const char* stateSuffix) {
  const State state = parseState(require(parts, stateSuffix));
  // The bytes may pass for any type: bnb_4bit_quant_storage only names how they are carried.
  const CheckpointTensor& codes = require(parts, "weight");
  const std::optional<std::uint64_t> elements = elementCount(state.shape);
  if (!elements || codes.info.bytes != *elements / 2 + *elements % 2)
    throw mismatchError(parts.file() + ": " + codes.info.name, "bytes",
                        "half as many as " + toText(state.shape) + " has elements", std::to_string(codes.info.bytes));
  requireScales(parts, state, *elements);
  CheckpointTensor tensor;
  tensor.info = {.name = parts.layer + ".weight",
                 .dtype = DType::F16,
                 .shape = state.shape,
                 .elements = *elements,
                 .bytes = parts.bytes(),
                 .storedScheme = "bitsandbytes " + state.type + ", blocks of " + std::to_string(state.blockSize) +
                                 (state.nestedBlockSize != 0 ? ", nested scales" : "")};
  tensor.file = parts.file();
  tensor.source = std::make_shared<const FourBitSource>(std::move(parts), state);
  return tensor;
}

// 0 says that the codes are in rows; older releases had layouts for devices, too.
void requireRowFormat(const LayerParts& parts) {
  const CheckpointTensor* const format = parts.find("weight_format");
  if (format == nullptr) return;
  requireCount(*format, 1);
  requireDtype(*format, DType::U8);
  const std::vector<float> value = readAll(*format);
  if (value.front() != 0)
    throw mismatchError(format->file + ": " + format->info.name, "layout", "0 (rows)",
                        std::to_string(static_cast<int>(value.front())) + " (tiled for a device)");
}

CheckpointTensor importEightBit(LayerParts parts) {
  const CheckpointTensor& codes = require(parts, "weight");
  const CheckpointTensor& scales = require(parts, "SCB");
  requireDtype(codes, DType::I8);
  requireDtype(scales, DType::F32);
  if (codes.info.shape.size() != 2)
    throw mismatchError(codes.file + ": " + codes.info.name, "shape", "[out, in]", toText(codes.info.shape));
  requireCount(scales, codes.info.shape[0]);
  requireRowFormat(parts);
  CheckpointTensor tensor{.info = codes.info, .file = codes.file};
  tensor.info.dtype = DType::F16;
  tensor.info.bytes = parts.bytes();
  tensor.info.storedScheme = "bitsandbytes 8-bit, per channel";
  tensor.source = std::make_shared<const EightBitSource>(std::move(parts));
  return tensor;
}

}  // namespace

void importBitsandbytes(const QuantizationConfig&, Checkpoint::Contents& contents) {
  for (const char* state : kStates)
    for (LayerParts& parts : takeLayers(
             contents.tensors, state,
             {"weight", "weight.absmax", "weight.quant_map", "weight.nested_absmax", "weight.nested_quant_map", state}))
      contents.tensors.push_back(importFourBit(std::move(parts), state));
  for (LayerParts& parts : takeLayers(contents.tensors, "SCB", {"weight", "SCB", "weight_format"}))
    contents.tensors.push_back(importEightBit(std::move(parts)));
}

}  // namespace qs
