#include "core/io/formats/safetensors_sax.h"

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::size_t kMaximumDepth = 64;
constexpr const char* kMetadata = "__metadata__";

}  // namespace

std::string SafetensorsSax::subject() const {
  switch (m_state) {
    case State::Start:
    case State::Root:
      return m_file + ": header";
    case State::Metadata:
      return m_file + ": " + kMetadata;
    default:
      return m_file + ": tensor '" + m_tensor + "'";
  }
}

void SafetensorsSax::refuse(const std::string& expected, const std::string& got) const {
  const bool atRoot = m_state == State::Start || m_state == State::Root;
  const std::string field = m_state == State::Root ? "'" + m_tensor + "'" : atRoot ? "JSON" : m_field;
  throw mismatchError(subject(), field, expected, got);
}

bool SafetensorsSax::otherValue(const std::string& what) {
  switch (m_state) {
    case State::Start:
    case State::Root:
      refuse("an object", what);
    case State::Metadata:
      refuse("a string", what);
    case State::Numbers:
      refuse("whole numbers from 0 to 2^64 - 1", what);
    case State::Entry:
      if (m_field == "dtype") refuse("a string", what);
      if (isNumbersField()) refuse("an array", what);
      return true;
    case State::Extra:
      return true;
  }
  return true;
}

bool SafetensorsSax::null() { return otherValue("null"); }
bool SafetensorsSax::boolean(bool value) { return otherValue(value ? "true" : "false"); }
bool SafetensorsSax::number_integer(number_integer_t value) {
  return otherValue("the number " + std::to_string(value));
}
bool SafetensorsSax::number_float(number_float_t /*value*/, const string_t& text) {
  return otherValue("the number " + text);
}
bool SafetensorsSax::binary(binary_t& /*value*/) { return otherValue("binary data"); }

bool SafetensorsSax::number_unsigned(number_unsigned_t value) {
  if (m_state != State::Numbers) return otherValue("the number " + std::to_string(value));
  m_numbers->push_back(value);
  return true;
}

bool SafetensorsSax::string(string_t& value) {
  if (m_state == State::Metadata) {
    metadata[m_field] = value;
    return true;
  }
  if (m_state == State::Entry && m_field == "dtype") {
    entries.back().dtype = value;
    return true;
  }
  return otherValue("the string \"" + value + "\"");
}

void SafetensorsSax::enterExtra() {
  m_state = State::Extra;
  m_extraKeys.emplace_back();
  if (m_extraKeys.size() > kMaximumDepth)
    throw inputError(subject(), m_field + ": nested deeper than " + std::to_string(kMaximumDepth) + " levels");
}

void SafetensorsSax::leaveExtra() {
  m_extraKeys.pop_back();
  if (m_extraKeys.empty()) m_state = State::Entry;
}

bool SafetensorsSax::start_object(std::size_t /*elements*/) {
  if (m_state == State::Start) {
    m_state = State::Root;
  } else if (m_state == State::Root) {
    m_fields.clear();
    if (m_tensor == kMetadata) {
      m_state = State::Metadata;
    } else {
      entries.push_back({.name = m_tensor});
      m_state = State::Entry;
    }
  } else {
    const bool extra = otherValue("an object");
    if (extra) enterExtra();
  }
  return true;
}

bool SafetensorsSax::key(string_t& value) {
  std::set<std::string>& known = m_state == State::Root    ? m_names
                                 : m_state == State::Extra ? m_extraKeys.back()
                                                           : m_fields;
  if (!known.insert(value).second) throw inputError(subject(), "key '" + value + "' occurs twice");
  if (m_state == State::Root)
    m_tensor = value;
  else if (m_state != State::Extra)
    m_field = value;
  return true;
}

bool SafetensorsSax::end_object() {
  if (m_state == State::Extra)
    leaveExtra();
  else
    m_state = State::Root;
  return true;
}

bool SafetensorsSax::start_array(std::size_t /*elements*/) {
  if (m_state == State::Entry && isNumbersField()) {
    auto& numbers = m_field == "shape" ? entries.back().shape : entries.back().offsets;
    m_numbers = &numbers.emplace();
    m_state = State::Numbers;
  } else {
    const bool extra = otherValue("an array");
    if (extra) enterExtra();
  }
  return true;
}

bool SafetensorsSax::end_array() {
  if (m_state == State::Numbers)
    m_state = State::Entry;
  else
    leaveExtra();
  return true;
}

bool SafetensorsSax::parse_error(std::size_t position, const std::string& /*token*/,
                                 const nlohmann::detail::exception& error) {
  throw inputError(m_file + ": header",
                   "not valid JSON at byte " + std::to_string(position) + " of it: " + error.what());
}

}  // namespace qs
