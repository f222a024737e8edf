#include "core/quant/settings.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>

#include "core/base/error.h"
#include "core/quant/method_info.h"
#include "core/quant/param_check.h"

namespace qs {

namespace {

std::string choiceList(const ParamSpec& spec) {
  std::string list;
  for (const ParamChoice& choice : spec.choices) list += (list.empty() ? "" : ", ") + choice.value;
  return list;
}

Error kindError(const ParamSpec& spec, std::string_view got) {
  std::string expected = spec.kind == ParamKind::Integer  ? "a whole number"
                         : spec.kind == ParamKind::Real   ? "a number"
                         : spec.kind == ParamKind::Switch ? "true or false"
                                                          : "one of " + choiceList(spec);
  return requestError(spec.key, "expected " + expected + ", got \"" + std::string(got) + "\"");
}

template <typename Number>
std::optional<Number> parseNumber(std::string_view text) {
  Number number{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

void requireInRange(const ParamSpec& spec, double number) {
  if (std::isfinite(number) && number >= spec.minimum && number <= spec.maximum) return;
  throw requestError(spec.key, "expected " + toText(ParamValue(spec.minimum)) + " to " +
                                   toText(ParamValue(spec.maximum)) + ", got " + toText(ParamValue(number)));
}

void requireChoice(const ParamSpec& spec, const std::string& text) {
  const bool known = std::any_of(spec.choices.begin(), spec.choices.end(),
                                 [&](const ParamChoice& choice) { return choice.value == text; });
  if (!known) throw kindError(spec, text);
}

ParamValue checkedReal(const ParamSpec& spec, const ParamValue& value) {
  const auto* whole = std::get_if<std::int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  if (whole == nullptr && real == nullptr) throw kindError(spec, toText(value));
  const double number = whole != nullptr ? static_cast<double>(*whole) : *real;
  requireInRange(spec, number);
  return number;
}

ParamValue checked(const ParamSpec& spec, const ParamValue& value) {
  switch (spec.kind) {
    case ParamKind::Switch:
      if (!std::holds_alternative<bool>(value)) throw kindError(spec, toText(value));
      return value;
    case ParamKind::Integer:
      if (!std::holds_alternative<std::int64_t>(value)) throw kindError(spec, toText(value));
      requireInRange(spec, static_cast<double>(std::get<std::int64_t>(value)));
      return value;
    case ParamKind::Real:
      return checkedReal(spec, value);
    case ParamKind::Choice:
      if (!std::holds_alternative<std::string>(value)) throw kindError(spec, toText(value));
      requireChoice(spec, std::get<std::string>(value));
      return value;
  }
  return value;
}

std::string keyList(const MethodInfo& method) {
  std::string list;
  for (const ParamSpec& spec : method.parameters) list += (list.empty() ? "" : ", ") + spec.key;
  return list.empty() ? "none" : list;
}

}  // namespace

bool acceptsValue(const ParamSpec& spec, const ParamValue& value) {
  try {
    static_cast<void>(checked(spec, value));
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool Settings::contains(std::string_view key) const { return m_values.contains(std::string(key)); }

const ParamValue& Settings::value(std::string_view key) const {
  const auto found = m_values.find(std::string(key));
  assert(found != m_values.end());
  return found->second;
}

bool Settings::flag(std::string_view key) const { return std::get<bool>(value(key)); }
std::int64_t Settings::integer(std::string_view key) const { return std::get<std::int64_t>(value(key)); }
double Settings::real(std::string_view key) const { return std::get<double>(value(key)); }
const std::string& Settings::choice(std::string_view key) const { return std::get<std::string>(value(key)); }
void Settings::set(std::string key, ParamValue value) { m_values.insert_or_assign(std::move(key), std::move(value)); }

Settings resolveSettings(const MethodInfo& method, const Settings& overrides) {
  Settings resolved;
  for (const ParamSpec& spec : method.parameters)
    resolved.set(spec.key, checked(spec, overrides.contains(spec.key) ? overrides.value(spec.key) : spec.defaultValue));
  for (const auto& [key, value] : overrides.values()) {
    if (!resolved.contains(key))
      throw requestError(key, "method \"" + method.id + "\" has no such setting; it has: " + keyList(method));
  }
  return resolved;
}

ParamValue parseParamValue(const ParamSpec& spec, std::string_view text) {
  switch (spec.kind) {
    case ParamKind::Switch:
      if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
      if (text == "false" || text == "0" || text == "no" || text == "off") return false;
      throw kindError(spec, text);
    case ParamKind::Integer:
      if (const auto number = parseNumber<std::int64_t>(text)) return checked(spec, *number);
      throw kindError(spec, text);
    case ParamKind::Real:
      if (const auto number = parseNumber<double>(text)) return checked(spec, *number);
      throw kindError(spec, text);
    case ParamKind::Choice:
      return checked(spec, std::string(text));
  }
  return {};
}

QuantScheme integerScheme(const Settings& settings, ScaleType scaleType) {
  QuantScheme scheme;
  if (settings.contains("bits")) scheme.bits = static_cast<int>(settings.integer("bits"));
  if (settings.contains("group_size")) scheme.groupSize = settings.integer("group_size");
  if (settings.contains("symmetric")) scheme.symmetric = settings.flag("symmetric");
  if (settings.contains("symmetric_range"))
    scheme.range = settings.choice("symmetric_range") == "full" ? SymmetricRange::Full : SymmetricRange::Restricted;
  scheme.scaleType = scaleType;
  return scheme;
}

}  // namespace qs
