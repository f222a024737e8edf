#include "core/io/formats/gguf_metadata.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "core/base/number_text.h"

namespace qs {

namespace {

template <typename T>
T valueAt(std::span<const std::byte> bytes, std::size_t index) {
  T value{};
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

double numberAt(const GgufValue& value, std::size_t i) {
  switch (value.type) {
    case GgufType::U8:
    case GgufType::Bool:
      return valueAt<std::uint8_t>(value.bytes, i);
    case GgufType::I8:
      return valueAt<std::int8_t>(value.bytes, i);
    case GgufType::U16:
      return valueAt<std::uint16_t>(value.bytes, i);
    case GgufType::I16:
      return valueAt<std::int16_t>(value.bytes, i);
    case GgufType::U32:
      return valueAt<std::uint32_t>(value.bytes, i);
    case GgufType::I32:
      return valueAt<std::int32_t>(value.bytes, i);
    case GgufType::F32:
      return static_cast<double>(valueAt<float>(value.bytes, i));
    case GgufType::U64:
      return static_cast<double>(valueAt<std::uint64_t>(value.bytes, i));
    case GgufType::I64:
      return static_cast<double>(valueAt<std::int64_t>(value.bytes, i));
    case GgufType::F64:
      return valueAt<double>(value.bytes, i);
    case GgufType::String:
    case GgufType::Array:
      break;
  }
  return 0;
}

bool isWhole(GgufType type) {
  return type != GgufType::F32 && type != GgufType::F64 && type != GgufType::String && type != GgufType::Bool;
}

// The string that begins at `at`; its length was checked when the file was opened.
std::string stringAt(std::span<const std::byte> bytes, std::size_t at, std::size_t& next) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data() + at, sizeof length);
  next = at + sizeof length + length;
  return {reinterpret_cast<const char*>(bytes.data()) + at + sizeof length, length};
}

}  // namespace

std::size_t byteWidth(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool:
      return 1;
    case GgufType::U16:
    case GgufType::I16:
      return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32:
      return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64:
      return 8;
    case GgufType::String:
    case GgufType::Array:
      return 0;
  }
  return 0;
}

const GgufValue* GgufMetadata::find(std::string_view key, bool array) const {
  const auto found = m_values.find(key);
  return found != m_values.end() && found->second.isArray == array ? &found->second : nullptr;
}

std::optional<std::string> GgufMetadata::text(std::string_view key) const {
  const GgufValue* value = find(key, false);
  if (value == nullptr || value->type != GgufType::String) return std::nullopt;
  std::size_t next = 0;
  return stringAt(value->bytes, 0, next);
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const {
  const GgufValue* value = find(key, false);
  if (value == nullptr || !isWhole(value->type)) return std::nullopt;
  if (value->type == GgufType::I64) return valueAt<std::int64_t>(value->bytes, 0);
  if (value->type == GgufType::U64) {
    const auto number = valueAt<std::uint64_t>(value->bytes, 0);
    if (!std::in_range<std::int64_t>(number)) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  return static_cast<std::int64_t>(numberAt(*value, 0));
}

std::optional<double> GgufMetadata::real(std::string_view key) const {
  const GgufValue* value = find(key, false);
  if (value == nullptr || value->type == GgufType::String || value->type == GgufType::Bool) return std::nullopt;
  return numberAt(*value, 0);
}

std::optional<bool> GgufMetadata::flag(std::string_view key) const {
  const GgufValue* value = find(key, false);
  if (value == nullptr || value->type != GgufType::Bool) return std::nullopt;
  return numberAt(*value, 0) != 0;
}

std::vector<std::string> GgufMetadata::texts(std::string_view key) const {
  std::vector<std::string> texts;
  const GgufValue* value = find(key, true);
  if (value == nullptr || value->type != GgufType::String) return texts;
  texts.reserve(value->count);
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < value->count; ++i) texts.push_back(stringAt(value->bytes, at, at));
  return texts;
}

std::vector<double> GgufMetadata::numbers(std::string_view key) const {
  std::vector<double> numbers;
  const GgufValue* value = find(key, true);
  if (value == nullptr || value->type == GgufType::String) return numbers;
  numbers.reserve(value->count);
  for (std::uint64_t i = 0; i < value->count; ++i) numbers.push_back(numberAt(*value, i));
  return numbers;
}

std::string GgufMetadata::shown(const GgufValue& value) const {
  if (value.isArray) return "[" + std::to_string(value.count) + " values]";
  if (value.type == GgufType::String) {
    std::size_t next = 0;
    return stringAt(value.bytes, 0, next);
  }
  if (value.type == GgufType::Bool) return numberAt(value, 0) != 0 ? "true" : "false";
  if (value.type == GgufType::U64) return std::to_string(valueAt<std::uint64_t>(value.bytes, 0));
  if (value.type == GgufType::I64) return std::to_string(valueAt<std::int64_t>(value.bytes, 0));
  const double number = numberAt(value, 0);
  if (isWhole(value.type)) return std::to_string(static_cast<std::int64_t>(number));
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return value.type == GgufType::F32 ? exactText(valueAt<float>(value.bytes, 0)) : exactText(number);
}

}  // namespace qs
