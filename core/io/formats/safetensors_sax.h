#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace qs {

/// A header entry as written, before its claims are checked.
struct RawSafetensorsEntry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

/// Reads a safetensors header event by event: no tree is built, so huge headers stay small. Throws Error (Input) for
/// anything that is not `{name: {"dtype", "shape", "data_offsets", …}, "__metadata__": {string: string}}`.
class SafetensorsSax final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit SafetensorsSax(std::string file) : m_file(std::move(file)) {}

  std::vector<RawSafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;

  bool null() override;
  bool boolean(bool value) override;
  bool number_integer(number_integer_t value) override;
  bool number_unsigned(number_unsigned_t value) override;
  bool number_float(number_float_t value, const string_t& text) override;
  bool string(string_t& value) override;
  bool binary(binary_t& value) override;
  bool start_object(std::size_t elements) override;
  bool key(string_t& value) override;
  bool end_object() override;
  bool start_array(std::size_t elements) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string& token, const nlohmann::detail::exception& error) override;

 private:
  enum class State { Start, Root, Metadata, Entry, Numbers, Extra };

  /// A value that is neither string, unsigned number nor container.
  bool otherValue(const std::string& what);
  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const;
  [[nodiscard]] std::string subject() const;
  void enterExtra();
  void leaveExtra();
  [[nodiscard]] bool isNumbersField() const { return m_field == "shape" || m_field == "data_offsets"; }

  std::string m_file;
  State m_state = State::Start;
  std::string m_tensor;  ///< of the entry at work; or "__metadata__"
  std::string m_field;   ///< within the entry or the metadata
  std::vector<std::uint64_t>* m_numbers = nullptr;
  std::set<std::string> m_names;
  std::set<std::string> m_fields;
  std::vector<std::set<std::string>> m_extraKeys;  ///< of the containers inside an unknown field, outermost first
};

}  // namespace qs
