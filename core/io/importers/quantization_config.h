#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace qs {

/// The `quantization_config` of a checkpoint, with getters that name the key when it isn't what it should be.
class QuantizationConfig {
 public:
  /// `dynamicKeys`: the keys of `dynamic` in the file's order, which counts there.
  QuantizationConfig(nlohmann::json json, std::string subject, std::vector<std::string> dynamicKeys = {})
      : m_json(std::move(json)), m_subject(std::move(subject)), m_dynamicKeys(std::move(dynamicKeys)) {}

  [[nodiscard]] const nlohmann::json& json() const { return m_json; }
  [[nodiscard]] const std::string& subject() const { return m_subject; }
  [[nodiscard]] const std::vector<std::string>& dynamicKeys() const { return m_dynamicKeys; }
  [[nodiscard]] std::string method() const { return text("quant_method").value_or(""); }
  /// Nothing where the key is absent or null; throws Error (Input) where it is something else than text, a whole
  /// number, a switch.
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] std::optional<bool> flag(std::string_view key) const;
  /// As integer(key), or under an older name; throws Error (Input) where neither is there.
  [[nodiscard]] std::int64_t requireInteger(std::string_view key, std::string_view olderKey = {}) const;

 private:
  nlohmann::json m_json;
  std::string m_subject;
  std::vector<std::string> m_dynamicKeys;
};

}  // namespace qs
