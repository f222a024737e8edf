#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/formats/gguf_metadata.h"

namespace qs {

/// The metadata of a GGUF file in the making: key-value pairs in the order in which they were added, each with exactly
/// the type that its setter names (loaders insist). A key that is set again keeps its first value.
class GgufPairs {
 public:
  void u16(const std::string& key, std::uint16_t value);
  void u32(const std::string& key, std::uint32_t value);
  void i32(const std::string& key, std::int32_t value);
  void f32(const std::string& key, float value);
  void flag(const std::string& key, bool value);
  void text(const std::string& key, std::string_view value);
  void texts(const std::string& key, std::span<const std::string> values);
  void f32s(const std::string& key, std::span<const float> values);
  void i32s(const std::string& key, std::span<const std::int32_t> values);
  /// A value as another file holds it.
  void copy(const std::string& key, const GgufValue& value);

  [[nodiscard]] std::size_t size() const { return m_keys.size(); }
  [[nodiscard]] bool contains(std::string_view key) const;
  /// The pairs as they stand in a file.
  [[nodiscard]] const std::string& bytes() const { return m_bytes; }

 private:
  bool begin(const std::string& key, GgufType type);
  bool beginArray(const std::string& key, GgufType type, std::uint64_t count);

  std::vector<std::string> m_keys;
  std::string m_bytes;
};

}  // namespace qs
