#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/quant/param_spec.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

struct MethodInfo;

/// A method's parameters by key. A typed getter of a key that is missing or of another kind is a programmer's mistake.
class Settings {
 public:
  Settings() = default;
  explicit Settings(std::map<std::string, ParamValue> values) : m_values(std::move(values)) {}

  [[nodiscard]] bool contains(std::string_view key) const;
  [[nodiscard]] const ParamValue& value(std::string_view key) const;
  [[nodiscard]] bool flag(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] double real(std::string_view key) const;
  [[nodiscard]] const std::string& choice(std::string_view key) const;
  void set(std::string key, ParamValue value);
  [[nodiscard]] const std::map<std::string, ParamValue>& values() const { return m_values; }
  bool operator==(const Settings&) const = default;

 private:
  std::map<std::string, ParamValue> m_values;
};

/// `overrides` checked against the method's specs and completed with their defaults; whole numbers become Real where
/// the spec says so. Throws Error (Request) naming the setting: unknown key, wrong kind, out of range, not a choice.
[[nodiscard]] Settings resolveSettings(const MethodInfo& method, const Settings& overrides);

/// The value written in `text` as the spec's kind. Throws Error (Request) naming the setting.
[[nodiscard]] ParamValue parseParamValue(const ParamSpec& spec, std::string_view text);

/// The integer scheme of the settings `bits`, `group_size`, `symmetric` and `symmetric_range` (those that exist).
[[nodiscard]] QuantScheme integerScheme(const Settings& settings, ScaleType scaleType);

}  // namespace qs
