#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/mapped_file.h"

namespace qs {

/// GGUF's value types, numbered as in the file.
enum class GgufType : std::uint32_t {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12,
};

/// Bytes of a fixed-size type; 0 for strings and arrays.
[[nodiscard]] std::size_t byteWidth(GgufType type);

/// One value as it stands in the mapped file, decoded when asked for.
struct GgufValue {
  GgufType type = GgufType::U32;  ///< of the value, or of an array's elements
  bool isArray = false;
  std::uint64_t count = 1;           ///< elements
  std::span<const std::byte> bytes;  ///< checked to hold them
};

/// The metadata of a GGUF file. Immutable, thread-safe; keeps the file mapped. Getters give nothing where the key is
/// absent or of another kind; whole numbers of every width and sign that fit convert.
class GgufMetadata {
 public:
  GgufMetadata(std::shared_ptr<const MappedFile> file, std::map<std::string, GgufValue, std::less<>> values)
      : m_file(std::move(file)), m_values(std::move(values)) {}

  [[nodiscard]] const std::map<std::string, GgufValue, std::less<>>& values() const { return m_values; }
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] std::optional<double> real(std::string_view key) const;
  [[nodiscard]] std::optional<bool> flag(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;  ///< empty where absent
  [[nodiscard]] std::vector<double> numbers(std::string_view key) const;     ///< empty where absent
  /// A value as the inspector shows it; arrays as "[n values]".
  [[nodiscard]] std::string shown(const GgufValue& value) const;

 private:
  [[nodiscard]] const GgufValue* find(std::string_view key, bool array) const;

  std::shared_ptr<const MappedFile> m_file;
  std::map<std::string, GgufValue, std::less<>> m_values;
};

}  // namespace qs
