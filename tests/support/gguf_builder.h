#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qs::test {

/// Writes GGUF files byte by byte, lies included.
class GgufBuilder {
 public:
  explicit GgufBuilder(std::uint32_t version = 3) { raw("GGUF").number(version); }

  template <typename T>
  GgufBuilder& number(T value) {
    m_bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBuilder& raw(std::string_view bytes) {
    m_bytes.append(bytes);
    return *this;
  }
  GgufBuilder& text(std::string_view text) { return number<std::uint64_t>(text.size()).raw(text); }
  GgufBuilder& counts(std::uint64_t tensors, std::uint64_t pairs) { return number(tensors).number(pairs); }
  GgufBuilder& textPair(std::string_view key, std::string_view value) {
    return text(key).number<std::uint32_t>(8).text(value);
  }
  template <typename T>
  GgufBuilder& pair(std::string_view key, std::uint32_t type, T value) {
    return text(key).number(type).number(value);
  }
  GgufBuilder& u32Pair(std::string_view key, std::uint32_t value) {
    return text(key).number<std::uint32_t>(4).number(value);
  }
  GgufBuilder& u16Pair(std::string_view key, std::uint16_t value) {
    return text(key).number<std::uint32_t>(2).number(value);
  }
  GgufBuilder& tensor(std::string_view name, std::initializer_list<std::uint64_t> dimensions, std::uint32_t type,
                      std::uint64_t offset) {
    text(name).number(static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t dimension : dimensions) number(dimension);
    return number(type).number(offset);
  }
  GgufBuilder& pad(std::size_t alignment = 32) {
    m_bytes.resize((m_bytes.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  GgufBuilder& zeros(std::size_t count) {
    m_bytes.append(count, '\0');
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return m_bytes; }

 private:
  std::string m_bytes;
};

}  // namespace qs::test
