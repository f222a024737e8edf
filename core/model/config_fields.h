#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace qs {

/// Strict access to one JSON object of a configuration file: a value of the wrong kind or outside its range is an Error
/// (Input) that names file, key, what was expected and what was found. `null` counts as absent.
class ConfigFields {
 public:
  /// Parses `text`; throws unless it is valid JSON and an object. `subject` names the file in messages.
  [[nodiscard]] static ConfigFields parse(std::string_view text, std::string subject);

  [[nodiscard]] const std::string& subject() const { return m_subject; }
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  /// Whether the key is there at all, also as null.
  [[nodiscard]] bool mentions(std::string_view key) const;

  /// A whole number from 1 to `largest`.
  [[nodiscard]] std::optional<std::size_t> size(std::string_view key, std::size_t largest) const;
  [[nodiscard]] std::size_t requireSize(std::string_view key, std::size_t largest) const;
  /// A finite number.
  [[nodiscard]] std::optional<double> number(std::string_view key) const;
  /// A finite number above 0, or `fallback` where absent.
  [[nodiscard]] double positive(std::string_view key, double fallback) const;
  [[nodiscard]] bool flag(std::string_view key, bool fallback) const;
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::optional<std::vector<double>> numbers(std::string_view key) const;
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view key) const;
  /// Token ids: one whole number from 0, or a list of them.
  [[nodiscard]] std::vector<int> ids(std::string_view key) const;
  [[nodiscard]] std::optional<ConfigFields> object(std::string_view key) const;

  /// Throws the Error of a value that isn't what was expected.
  [[noreturn]] void refuse(std::string_view key, std::string_view expected) const;

 private:
  ConfigFields(nlohmann::json values, std::string subject);
  [[nodiscard]] const nlohmann::json* find(std::string_view key) const;

  nlohmann::json m_values;
  std::string m_subject;
};

}  // namespace qs
