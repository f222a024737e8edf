#include "core/quant/param_spec.h"

#include <array>
#include <charconv>
#include <utility>

namespace qs {

namespace {

// The shortest decimals that give the number back.
std::string realText(double value) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

struct ToText {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return realText(value); }
  std::string operator()(const std::string& value) const { return value; }
};

}  // namespace

std::string toText(const ParamValue& value) { return std::visit(ToText{}, value); }

std::string_view name(ParamKind kind) {
  switch (kind) {
    case ParamKind::Switch:
      return "switch";
    case ParamKind::Integer:
      return "integer";
    case ParamKind::Real:
      return "real";
    case ParamKind::Choice:
      return "choice";
  }
  return "";
}

ParamSpec bitsParam(std::int64_t defaultBits) {
  return {.key = "bits",
          .label = "Bits",
          .kind = ParamKind::Integer,
          .defaultValue = defaultBits,
          .minimum = 2,
          .maximum = 8,
          .choices = {{"2", "2"}, {"3", "3"}, {"4", "4"}, {"5", "5"}, {"6", "6"}, {"7", "7"}, {"8", "8"}},
          .help = "Bits of each weight's code, 2 to 8. One bit more makes the error about four times smaller."};
}

ParamSpec eightBitsParam() {
  ParamSpec spec = bitsParam(8);
  spec.minimum = 8;
  spec.choices = {{"8", "8"}};
  spec.help = "Bits of each weight's code; weights and inputs are 8-bit integers here.";
  spec.advanced = true;
  return spec;
}

ParamSpec groupSizeParam(std::int64_t defaultGroup) {
  return {.key = "group_size",
          .label = "Group size",
          .kind = ParamKind::Integer,
          .defaultValue = defaultGroup,
          .minimum = -1,
          .maximum = 1 << 20,
          .choices = {{"-1", "Per output channel"},
                      {"0", "Per tensor"},
                      {"256", "256"},
                      {"128", "128"},
                      {"64", "64"},
                      {"32", "32"},
                      {"16", "16"}},
          .help =
              "Consecutive inputs of a row that share one scale: a positive number, -1 for a whole row, 0 for the "
              "whole matrix. Smaller groups lower the error and store more scales."};
}

ParamSpec symmetricParam(bool defaultSymmetric) {
  return {.key = "symmetric",
          .label = "Symmetric",
          .kind = ParamKind::Switch,
          .defaultValue = defaultSymmetric,
          .help =
              "Signed codes around zero without a zero point. Asymmetric codes follow the range of the weights and "
              "usually err less; symmetric ones are cheaper to multiply."};
}

ParamSpec symmetricRangeParam() {
  return {.key = "symmetric_range",
          .label = "Symmetric range",
          .kind = ParamKind::Choice,
          .defaultValue = std::string("restricted"),
          .choices = {{"restricted", "Restricted: max / (2^(b-1) - 1)"}, {"full", "Full: 2 max / (2^b - 1)"}},
          .help =
              "Scale of symmetric codes. Restricted keeps the largest weight exact and leaves the lowest code unused; "
              "full uses every code, which helps at 2 to 4 bits. No effect on asymmetric codes.",
          .advanced = true};
}

ParamSpec switchParam(std::string key, std::string label, bool defaultValue, std::string help) {
  return {.key = std::move(key),
          .label = std::move(label),
          .kind = ParamKind::Switch,
          .defaultValue = defaultValue,
          .help = std::move(help)};
}

}  // namespace qs
