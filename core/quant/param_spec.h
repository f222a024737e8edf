#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace qs {

/// A setting's value: switch, whole number, real number, or one of several choices.
using ParamValue = std::variant<bool, std::int64_t, double, std::string>;

enum class ParamKind : std::uint8_t { Switch, Integer, Real, Choice };

[[nodiscard]] std::string toText(const ParamValue& value);
[[nodiscard]] std::string_view name(ParamKind kind);

/// One of a choice's values.
struct ParamChoice {
  std::string value;  ///< as written on the command line
  std::string label;  ///< as shown
  bool operator==(const ParamChoice&) const = default;
};

/// Describes one parameter of a method: feeds the form, validation, the command line, recipes and reports.
struct ParamSpec {
  std::string key;    ///< snake_case; the option is the same with hyphens
  std::string label;  ///< in the form
  ParamKind kind = ParamKind::Integer;
  ParamValue defaultValue = std::int64_t{0};
  double minimum = 0;                ///< inclusive; Integer and Real
  double maximum = 0;                ///< inclusive
  double step = 1;                   ///< of the form's spin box
  std::vector<ParamChoice> choices;  ///< Choice; for Integer: values offered (others in range stay legal)
  std::string help;                  ///< one or two sentences; says the unit and what a change does
  bool advanced = false;             ///< the form shows it under "More"
  bool introductory = false;         ///< an "introductory form" kept for learning, never the default
};

/// Shared specs, so that the same setting has the same range, label and help in every method.
[[nodiscard]] ParamSpec bitsParam(std::int64_t defaultBits = 4);
/// Of the methods whose weights and inputs are 8-bit integers.
[[nodiscard]] ParamSpec eightBitsParam();
[[nodiscard]] ParamSpec groupSizeParam(std::int64_t defaultGroup = 128);
[[nodiscard]] ParamSpec symmetricParam(bool defaultSymmetric = false);
[[nodiscard]] ParamSpec symmetricRangeParam();
/// A setting of one method that is on or off.
[[nodiscard]] ParamSpec switchParam(std::string key, std::string label, bool defaultValue, std::string help);

}  // namespace qs
