#include "core/io/formats/gguf_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::uint32_t kBigEndianMask = 0x00FFFFFFU;         // versions 2 and 3 read in the other byte order
constexpr std::uint64_t kShortestPair = 8 + 1 + 4 + 1;        // key of one byte, type, one byte of value
constexpr std::uint64_t kShortestTensor = 8 + 1 + 4 + 4 + 8;  // name of one byte, no dimensions
constexpr std::uint32_t kMostDimensions = 4;
constexpr std::uint64_t kLongestName = 63;
constexpr std::uint64_t kDefaultAlignment = 32;

using TypeRow = std::pair<std::uint32_t, DType>;
constexpr std::array kTypes{
    TypeRow{0, DType::F32},     TypeRow{1, DType::F16},     TypeRow{2, DType::Q4_0},  TypeRow{3, DType::Q4_1},
    TypeRow{6, DType::Q5_0},    TypeRow{7, DType::Q5_1},    TypeRow{8, DType::Q8_0},  TypeRow{10, DType::Q2_K},
    TypeRow{11, DType::Q3_K},   TypeRow{12, DType::Q4_K},   TypeRow{13, DType::Q5_K}, TypeRow{14, DType::Q6_K},
    TypeRow{20, DType::IQ4_NL}, TypeRow{23, DType::IQ4_XS}, TypeRow{24, DType::I8},   TypeRow{25, DType::I16},
    TypeRow{26, DType::I32},    TypeRow{27, DType::I64},    TypeRow{28, DType::F64},  TypeRow{30, DType::BF16},
    TypeRow{39, DType::MXFP4},  TypeRow{40, DType::NVFP4},  TypeRow{41, DType::Q1_0}, TypeRow{42, DType::Q2_0},
};

// Types that exist and aren't decoded: named, so that the message helps.
using NameRow = std::pair<std::uint32_t, std::string_view>;
constexpr std::array kOtherTypes{
    NameRow{9, "Q8_1"},     NameRow{15, "Q8_K"},  NameRow{16, "IQ2_XXS"}, NameRow{17, "IQ2_XS"},
    NameRow{18, "IQ3_XXS"}, NameRow{19, "IQ1_S"}, NameRow{21, "IQ3_S"},   NameRow{22, "IQ2_S"},
    NameRow{29, "IQ1_M"},   NameRow{34, "TQ1_0"}, NameRow{35, "TQ2_0"},
};

bool isRemoved(std::uint32_t id) { return id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38); }

std::string typeText(std::uint32_t id) {
  if (isRemoved(id)) return "type " + std::to_string(id) + ", which was removed from the format";
  for (const auto& [known, text] : kOtherTypes)
    if (known == id) return std::string(text) + " (type " + std::to_string(id) + ")";
  return "type " + std::to_string(id);
}

// Reads the header front to back; every length is checked against what is left before it is used.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string file) : m_bytes(bytes), m_file(std::move(file)) {}

  template <typename T>
  T number(std::string_view field) {
    T value{};
    std::memcpy(&value, take(sizeof(T), field).data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> take(std::uint64_t length, std::string_view field) {
    if (length > remaining())
      throw mismatchError(m_file, field, "at most the " + std::to_string(remaining()) + " bytes that follow",
                          std::to_string(length));
    const auto part = m_bytes.subspan(m_at, length);
    m_at += length;
    return part;
  }

  std::string text(std::string_view field) {
    const auto length = number<std::uint64_t>(std::string(field) + " length");
    const auto bytes = take(length, std::string(field) + " length");
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// A count of things that take at least `smallest` bytes each.
  std::uint64_t count(std::string_view field, std::uint64_t smallest) {
    const auto value = number<std::uint64_t>(field);
    if (value > remaining() / smallest)
      throw mismatchError(m_file, field, "at most " + std::to_string(remaining() / smallest) + " in this file",
                          std::to_string(value));
    return value;
  }

  [[nodiscard]] std::uint64_t remaining() const { return m_bytes.size() - m_at; }
  [[nodiscard]] std::uint64_t position() const { return m_at; }
  [[nodiscard]] const std::string& file() const { return m_file; }
  [[nodiscard]] std::span<const std::byte> since(std::uint64_t start) const {
    return m_bytes.subspan(start, m_at - start);
  }

 private:
  std::span<const std::byte> m_bytes;
  std::string m_file;
  std::uint64_t m_at = 0;
};

GgufType valueType(Cursor& cursor, const std::string& key, std::string_view field) {
  const auto type = cursor.number<std::uint32_t>(key + " " + std::string(field));
  if (type > static_cast<std::uint32_t>(GgufType::F64))
    throw mismatchError(cursor.file() + ": " + key, field, "0 to 12", std::to_string(type));
  return static_cast<GgufType>(type);
}

void requireBools(std::span<const std::byte> bytes, const std::string& subject) {
  for (const std::byte value : bytes)
    if (value > std::byte{1})
      throw mismatchError(subject, "bool", "0 or 1", std::to_string(std::to_integer<int>(value)));
}

GgufValue readValue(Cursor& cursor, const std::string& key) {
  GgufValue value{.type = valueType(cursor, key, "value type")};
  if (value.type == GgufType::Array) {
    value.isArray = true;
    value.type = valueType(cursor, key, "element type");
    if (value.type == GgufType::Array)
      throw inputError(cursor.file() + ": " + key, "element type: arrays of arrays are not allowed");
    const std::size_t width = value.type == GgufType::String ? sizeof(std::uint64_t) : byteWidth(value.type);
    value.count = cursor.count(key + " array count", width);
  }
  const std::uint64_t start = cursor.position();
  if (value.type == GgufType::String) {
    for (std::uint64_t i = 0; i < value.count; ++i)
      cursor.take(cursor.number<std::uint64_t>(key + " string length"), key + " string length");
  } else {
    cursor.take(value.count * byteWidth(value.type), key + " value");
  }
  value.bytes = cursor.since(start);
  if (value.type == GgufType::Bool) requireBools(value.bytes, cursor.file() + ": " + key);
  return value;
}

std::map<std::string, GgufValue, std::less<>> readPairs(Cursor& cursor, std::uint64_t count) {
  std::map<std::string, GgufValue, std::less<>> values;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string key = cursor.text("key " + std::to_string(i));
    if (key.empty())
      throw inputError(cursor.file(), "key " + std::to_string(i) + ": expected a name, got an empty one");
    GgufValue value = readValue(cursor, key);
    if (!values.emplace(key, value).second) throw inputError(cursor.file() + ": " + key, "key: occurs twice");
  }
  return values;
}

DType tensorType(Cursor& cursor, const std::string& subject) {
  const auto id = cursor.number<std::uint32_t>(subject + " type");
  const std::optional<DType> type = dtypeFromGgmlId(id);
  if (!type) throw mismatchError(subject, "type", "a type that QuantScope decodes", typeText(id));
  return *type;
}

struct Listed {
  TensorInfo info;
  std::uint64_t offset = 0;
};

Listed readTensorInfo(Cursor& cursor, std::uint64_t index) {
  Listed listed;
  listed.info.name = cursor.text("tensor " + std::to_string(index) + " name");
  const std::string subject = cursor.file() + ": " + listed.info.name;
  if (listed.info.name.empty() || listed.info.name.size() > kLongestName)
    throw mismatchError(subject, "name length", "1 to 63", std::to_string(listed.info.name.size()));
  const auto dimensions = cursor.number<std::uint32_t>(subject + " dimensions");
  if (dimensions > kMostDimensions) throw mismatchError(subject, "dimensions", "at most 4", std::to_string(dimensions));
  for (std::uint32_t d = 0; d < dimensions; ++d)
    listed.info.shape.insert(listed.info.shape.begin(), cursor.number<std::uint64_t>(subject + " dimension"));
  listed.info.dtype = tensorType(cursor, subject);
  listed.offset = cursor.number<std::uint64_t>(subject + " offset");

  // Fastest dimension first, as the file writes them: a huge one before a 0 is an overflow too.
  std::uint64_t product = 1;
  for (auto d = listed.info.shape.rbegin(); d != listed.info.shape.rend(); ++d) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (*d > kMost || (*d != 0 && product > kMost / *d))
      throw inputError(subject, "dimensions: their product overflows 63 bits");
    product *= *d;
  }
  const auto block = static_cast<std::uint64_t>(traits(listed.info.dtype).blockElements);
  const std::uint64_t inner = listed.info.shape.empty() ? 1 : listed.info.shape.back();
  if (inner % block != 0)
    throw mismatchError(subject, "first dimension", "a multiple of " + std::to_string(block), std::to_string(inner));
  const std::optional<std::uint64_t> bytes = byteSize(listed.info.dtype, product);
  if (!bytes) throw inputError(subject, "dimensions: their bytes overflow 64 bits");
  listed.info.elements = product;
  listed.info.bytes = *bytes;
  if (block > 1) listed.info.storedScheme = std::string(name(listed.info.dtype));
  return listed;
}

std::uint64_t alignmentOf(const GgufMetadata& metadata, const std::string& file) {
  const auto found = metadata.values().find("general.alignment");
  if (found == metadata.values().end()) return kDefaultAlignment;
  const std::string subject = file + ": general.alignment";
  if (found->second.isArray || found->second.type != GgufType::U32)
    throw inputError(subject, "type: expected u32, got another");
  const auto alignment = static_cast<std::uint64_t>(metadata.integer("general.alignment").value_or(0));
  if (!std::has_single_bit(alignment) || alignment % 8 != 0)
    throw mismatchError(subject, "value", "a power of two of at least 8", std::to_string(alignment));
  return alignment;
}

std::uint64_t padded(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

void placeTensors(std::vector<Listed> listed, std::uint64_t headerEnd, std::uint64_t alignment, GgufFile& gguf) {
  const std::string file = gguf.file->path().string();
  const std::uint64_t dataStart = padded(headerEnd, alignment);
  if (!listed.empty() && dataStart > gguf.file->size())
    throw mismatchError(file, "data section",
                        "a start within the file's " + std::to_string(gguf.file->size()) + " bytes",
                        std::to_string(dataStart));
  const std::uint64_t dataSize = listed.empty() ? 0 : gguf.file->size() - dataStart;
  std::set<std::string> names;
  std::uint64_t expected = 0;
  for (Listed& entry : listed) {
    const std::string subject = file + ": " + entry.info.name;
    if (!names.insert(entry.info.name).second) throw inputError(subject, "name: occurs twice");
    if (entry.offset != expected)
      throw mismatchError(subject, "offset", std::to_string(expected), std::to_string(entry.offset));
    if (entry.offset > dataSize || entry.info.bytes > dataSize - entry.offset)
      throw mismatchError(subject, "bytes", "at most the " + std::to_string(dataSize) + " of the data section",
                          std::to_string(entry.offset) + " + " + std::to_string(entry.info.bytes));
    const auto bytes = gguf.file->bytes(dataStart + entry.offset, entry.info.bytes);
    expected = padded(entry.offset + entry.info.bytes, alignment);
    gguf.tensors.push_back({std::move(entry.info), bytes, gguf.file});
  }
}

}  // namespace

std::optional<DType> dtypeFromGgmlId(std::uint32_t id) {
  for (const auto& [known, type] : kTypes)
    if (known == id) return type;
  return std::nullopt;
}

std::optional<std::uint32_t> ggmlId(DType type) {
  for (const auto& [id, known] : kTypes)
    if (known == type) return id;
  return std::nullopt;
}

GgufFile readGgufFile(const std::filesystem::path& path) {
  GgufFile gguf{.file = MappedFile::open(path)};
  Cursor cursor(gguf.file->bytes(), path.string());
  const auto magic = cursor.take(4, "magic");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0)
    throw inputError(cursor.file(), "magic: expected GGUF, got other bytes");
  gguf.version = cursor.number<std::uint32_t>("version");
  if (gguf.version != 0 && (gguf.version & kBigEndianMask) == 0)
    throw inputError(cursor.file(), "version: expected a little-endian file, got a big-endian one: convert it");
  if (gguf.version != 2 && gguf.version != 3)
    throw mismatchError(cursor.file(), "version", "2 or 3", std::to_string(gguf.version));
  const auto tensorCount = cursor.count("tensor count", kShortestTensor);
  const auto pairCount = cursor.count("metadata count", kShortestPair);
  gguf.metadata = std::make_shared<const GgufMetadata>(gguf.file, readPairs(cursor, pairCount));
  std::vector<Listed> listed;
  for (std::uint64_t i = 0; i < tensorCount; ++i) listed.push_back(readTensorInfo(cursor, i));
  placeTensors(std::move(listed), cursor.position(), alignmentOf(*gguf.metadata, cursor.file()), gguf);
  return gguf;
}

}  // namespace qs
