#include "core/io/formats/gguf_pairs.h"

#include <algorithm>

namespace qs {

namespace {

template <typename T>
void appendNumber(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void appendText(std::string& out, std::string_view text) {
  appendNumber<std::uint64_t>(out, text.size());
  out.append(text);
}

template <typename T>
void appendNumbers(std::string& out, std::span<const T> values) {
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

}  // namespace

bool GgufPairs::contains(std::string_view key) const {
  return std::find(m_keys.begin(), m_keys.end(), key) != m_keys.end();
}

bool GgufPairs::begin(const std::string& key, GgufType type) {
  if (contains(key)) return false;
  m_keys.push_back(key);
  appendText(m_bytes, key);
  appendNumber(m_bytes, static_cast<std::uint32_t>(type));
  return true;
}

bool GgufPairs::beginArray(const std::string& key, GgufType type, std::uint64_t count) {
  if (!begin(key, GgufType::Array)) return false;
  appendNumber(m_bytes, static_cast<std::uint32_t>(type));
  appendNumber(m_bytes, count);
  return true;
}

void GgufPairs::u16(const std::string& key, std::uint16_t value) {
  if (begin(key, GgufType::U16)) appendNumber(m_bytes, value);
}

void GgufPairs::u32(const std::string& key, std::uint32_t value) {
  if (begin(key, GgufType::U32)) appendNumber(m_bytes, value);
}

void GgufPairs::i32(const std::string& key, std::int32_t value) {
  if (begin(key, GgufType::I32)) appendNumber(m_bytes, value);
}

void GgufPairs::f32(const std::string& key, float value) {
  if (begin(key, GgufType::F32)) appendNumber(m_bytes, value);
}

void GgufPairs::flag(const std::string& key, bool value) {
  if (begin(key, GgufType::Bool)) appendNumber<std::uint8_t>(m_bytes, value ? 1 : 0);
}

void GgufPairs::text(const std::string& key, std::string_view value) {
  if (begin(key, GgufType::String)) appendText(m_bytes, value);
}

void GgufPairs::texts(const std::string& key, std::span<const std::string> values) {
  if (!beginArray(key, GgufType::String, values.size())) return;
  for (const std::string& value : values) appendText(m_bytes, value);
}

void GgufPairs::f32s(const std::string& key, std::span<const float> values) {
  if (beginArray(key, GgufType::F32, values.size())) appendNumbers(m_bytes, values);
}

void GgufPairs::i32s(const std::string& key, std::span<const std::int32_t> values) {
  if (beginArray(key, GgufType::I32, values.size())) appendNumbers(m_bytes, values);
}

void GgufPairs::copy(const std::string& key, const GgufValue& value) {
  const bool isNew = value.isArray ? beginArray(key, value.type, value.count) : begin(key, value.type);
  if (isNew) appendNumbers(m_bytes, value.bytes);
}

}  // namespace qs
