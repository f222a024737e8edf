#include "core/io/formats/npy_header.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/error.h"
#include "core/io/formats/npy_literal.h"

namespace qs {

namespace {

constexpr std::string_view kMagic{"\x93NUMPY", 6};
constexpr std::size_t kVersionBytes = 2;

struct TypeRow {
  std::string_view text;  // without the byte order
  DType dtype;
};
constexpr std::array kTypes{
    TypeRow{"f4", DType::F32},  TypeRow{"f2", DType::F16}, TypeRow{"f8", DType::F64}, TypeRow{"V2", DType::BF16},
    TypeRow{"i1", DType::I8},   TypeRow{"i2", DType::I16}, TypeRow{"i4", DType::I32}, TypeRow{"i8", DType::I64},
    TypeRow{"u1", DType::U8},   TypeRow{"u2", DType::U16}, TypeRow{"u4", DType::U32}, TypeRow{"u8", DType::U64},
    TypeRow{"b1", DType::Bool}, TypeRow{"c8", DType::C64},
};

void readType(const std::string& descr, NpyHeader& header, const std::string& subject) {
  std::string_view text = descr;
  char order = '=';
  if (!text.empty() && std::string_view("<>|=").find(text.front()) != std::string_view::npos) {
    order = text.front();
    text.remove_prefix(1);
  }
  if (text.starts_with("O"))
    throw inputError(subject, "descr: '" + descr + "' holds Python objects: they are a pickle, which is never run");
  for (const TypeRow& row : kTypes) {
    if (row.text != text) continue;
    header.layout.dtype = row.dtype;
    header.layout.isSwapped = order == '>' && traits(row.dtype).bits > 8;
    header.isBfloat16 = row.dtype == DType::BF16;
    return;
  }
  throw mismatchError(subject, "descr", "a number type such as '<f4', '<f2', '<i4' or '|i1'", "'" + descr + "'");
}

// The text of the dictionary; sets where the data begins.
std::string_view headerText(std::span<const std::byte> head, NpyHeader& header, const std::string& subject) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  if (!text.starts_with(kMagic)) throw mismatchError(subject, "magic", "\\x93NUMPY", "other bytes");
  if (text.size() < kMagic.size() + kVersionBytes) throw mismatchError(subject, "version", "two bytes", "the end");
  const int major = static_cast<unsigned char>(text[kMagic.size()]);
  const int minor = static_cast<unsigned char>(text[kMagic.size() + 1]);
  if (major < 1 || major > 3 || minor != 0)
    throw mismatchError(subject, "version", "1.0, 2.0 or 3.0", std::to_string(major) + "." + std::to_string(minor));
  const std::size_t start = kMagic.size() + kVersionBytes;
  const std::size_t lengthBytes = major == 1 ? 2 : 4;
  if (text.size() < start + lengthBytes) throw mismatchError(subject, "header length", "a number", "the end");
  std::uint32_t length = 0;
  std::memcpy(&length, text.data() + start, lengthBytes);
  const std::size_t room = std::min(text.size(), kLongestNpyHeader) - start - lengthBytes;
  if (length > room)
    throw mismatchError(subject, "header length", "at most " + std::to_string(room), std::to_string(length));
  header.dataOffset = start + lengthBytes + length;
  return text.substr(start + lengthBytes, length);
}

}  // namespace

NpyHeader parseNpyHeader(std::span<const std::byte> head, const std::string& subject) {
  NpyHeader header;
  const NpyLiteral literal = parseNpyLiteral(headerText(head, header, subject), subject);
  if (!literal.descr) throw mismatchError(subject, "descr", "a number type", "nothing");
  if (!literal.fortranOrder) throw mismatchError(subject, "fortran_order", "True or False", "nothing");
  if (!literal.shape) throw mismatchError(subject, "shape", "a tuple of whole numbers", "nothing");
  readType(*literal.descr, header, subject);
  const std::optional<std::uint64_t> elements = elementCount(*literal.shape);
  const std::optional<std::uint64_t> bytes = elements ? byteSize(header.layout.dtype, *elements) : std::nullopt;
  if (!bytes) throw mismatchError(subject, "shape", "a size below 2^61 bytes", toText(*literal.shape));
  header.elements = *elements;
  header.dataBytes = *bytes;
  header.layout.strides = *literal.fortranOrder ? columnMajorStrides(*literal.shape) : rowMajorStrides(*literal.shape);
  header.layout.shape = *literal.shape;
  return header;
}

}  // namespace qs
