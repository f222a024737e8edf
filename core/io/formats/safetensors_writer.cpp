#include "core/io/formats/safetensors_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/io/formats/safetensors_header.h"

namespace qs {

namespace {

constexpr std::uint64_t kAlignment = 8;
constexpr std::uint64_t kLargeTensor = 65'536;

std::vector<const PlannedTensor*> inFileOrder(std::span<const PlannedTensor> plan) {
  std::vector<const PlannedTensor*> order;
  for (const PlannedTensor& tensor : plan) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const PlannedTensor* a, const PlannedTensor* b) {
    const int bitsA = traits(a->dtype).bits;
    const int bitsB = traits(b->dtype).bits;
    return bitsA != bitsB ? bitsA > bitsB : a->name < b->name;
  });
  return order;
}

// `firstLarge` is the offset, from the end of the header, of a tensor that shall stand on a whole block.
std::string frame(const nlohmann::ordered_json& header, std::optional<std::uint64_t> firstLarge,
                  const std::filesystem::path& path) {
  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception& error) {
    throw failedError(path.string(), std::string("a tensor's name or the metadata is not UTF-8: ") + error.what());
  }
  if (firstLarge && *firstLarge % kAlignment != 0) firstLarge.reset();
  const std::uint64_t before = sizeof(std::uint64_t) + firstLarge.value_or(0);
  const std::uint64_t alignment = firstLarge ? kDirectBlock : kAlignment;
  json.append((alignment - (before + json.size()) % alignment) % alignment, ' ');
  if (json.size() > kMaximumSafetensorsHeader)
    throw failedError(path.string(), "the header would take " + std::to_string(json.size()) +
                                         " bytes; a safetensors file holds at most " +
                                         std::to_string(kMaximumSafetensorsHeader));
  const std::uint64_t length = json.size();
  std::string framed(reinterpret_cast<const char*>(&length), sizeof(length));
  return framed + json;
}

}  // namespace

std::uint64_t plannedBytes(const PlannedTensor& tensor) {
  if (!traits(tensor.dtype).safetensors)
    throw failedError("tensor '" + tensor.name + "'", "safetensors has no dtype " + std::string(name(tensor.dtype)));
  const auto elements = elementCount(tensor.shape);
  const auto bytes = elements ? byteSize(tensor.dtype, *elements) : std::nullopt;
  if (!bytes)
    throw failedError("tensor '" + tensor.name + "'",
                      "shape " + toText(tensor.shape) + " has no whole number of bytes below 2^61");
  return *bytes;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::span<const PlannedTensor> plan,
                                     std::map<std::string, std::string> metadata, bool replace) {
  metadata.emplace("format", "pt");
  nlohmann::ordered_json header;
  header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> firstLarge;
  for (const PlannedTensor* tensor : inFileOrder(plan)) {
    const std::uint64_t end = offset + plannedBytes(*tensor);
    if (end < offset) throw failedError(path.string(), "the tensors take more than 2^64 bytes");
    if (tensor->name == "__metadata__" || !m_file.reserve(tensor->name, offset, end - offset))
      throw failedError(path.string(), "tensor name '" + tensor->name + "' occurs twice or is reserved");
    header[tensor->name] = {{"dtype", name(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {offset, end}}};
    if (!firstLarge && end - offset >= kLargeTensor) firstLarge = offset;
    offset = end;
  }
  const std::string framed = frame(header, firstLarge, path);
  m_fileBytes = framed.size() + offset;
  m_file.open(path, framed, offset, replace);
  for (const PlannedTensor& tensor : plan) m_file.fill(tensor.name, tensor.contents);
}

}  // namespace qs
