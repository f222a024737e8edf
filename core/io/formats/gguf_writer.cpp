#include "core/io/formats/gguf_writer.h"

#include "core/base/error.h"
#include "core/io/formats/gguf_file.h"

namespace qs {

namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kAlignment = 32;
constexpr std::size_t kLongestName = 63;
constexpr std::size_t kMostDimensions = 4;

std::uint64_t padded(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

template <typename T>
void appendNumber(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::uint64_t bytesOf(const PlannedTensor& tensor) {
  const std::string subject = "tensor '" + tensor.name + "'";
  if (tensor.name.empty() || tensor.name.size() > kLongestName)
    throw failedError(subject, "GGUF names have 1 to 63 bytes");
  if (tensor.shape.empty() || tensor.shape.size() > kMostDimensions)
    throw failedError(subject, "GGUF tensors have 1 to 4 dimensions, not " + std::to_string(tensor.shape.size()));
  if (!ggmlId(tensor.dtype)) throw failedError(subject, "GGUF has no type " + std::string(name(tensor.dtype)));
  if (tensor.shape.back() % static_cast<std::uint64_t>(traits(tensor.dtype).blockElements) != 0)
    throw failedError(subject, "rows of " + std::to_string(tensor.shape.back()) + " are no whole blocks of " +
                                   std::string(name(tensor.dtype)));
  const auto elements = elementCount(tensor.shape);
  const auto bytes = elements ? byteSize(tensor.dtype, *elements) : std::nullopt;
  if (!bytes) throw failedError(subject, "shape " + toText(tensor.shape) + " is too large");
  return *bytes;
}

void appendInfo(std::string& out, const PlannedTensor& tensor, std::uint64_t offset) {
  appendNumber<std::uint64_t>(out, tensor.name.size());
  out += tensor.name;
  appendNumber(out, static_cast<std::uint32_t>(tensor.shape.size()));
  for (auto dimension = tensor.shape.rbegin(); dimension != tensor.shape.rend(); ++dimension)
    appendNumber(out, *dimension);
  appendNumber(out, *ggmlId(tensor.dtype));
  appendNumber(out, offset);
}

}  // namespace

GgufWriter::GgufWriter(const std::filesystem::path& path, std::span<const PlannedTensor> plan,
                       const GgufPairs& metadata, bool replace) {
  std::string header = "GGUF";
  appendNumber(header, kVersion);
  appendNumber<std::uint64_t>(header, plan.size());
  appendNumber<std::uint64_t>(header, metadata.size());
  header += metadata.bytes();
  std::uint64_t offset = 0;
  for (const PlannedTensor& tensor : plan) {
    const std::uint64_t bytes = bytesOf(tensor);
    if (!m_file.reserve(tensor.name, offset, bytes))
      throw failedError(path.string(), "tensor name '" + tensor.name + "' occurs twice");
    appendInfo(header, tensor, offset);
    offset += padded(bytes);
  }
  header.resize(padded(header.size()), '\0');
  m_file.open(path, header, offset, replace);
}

}  // namespace qs
