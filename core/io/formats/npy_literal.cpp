#include "core/io/formats/npy_literal.h"

#include <charconv>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::size_t kMostDimensions = 64;  // NumPy's own limit

class Parser {
 public:
  Parser(std::string_view text, const std::string& subject) : m_text(text), m_subject(subject) {}

  NpyLiteral parse() {
    NpyLiteral literal;
    require('{');
    while (!take('}')) {
      const std::string key = string("key");
      require(':');
      value(key, literal);
      if (!take(',')) {
        require('}');
        break;
      }
    }
    skipBlanks();
    if (m_at != m_text.size()) refuse("header", "nothing behind the dictionary");
    return literal;
  }

 private:
  void value(const std::string& key, NpyLiteral& literal) {
    if (key == "descr") {
      requireFirst(key, literal.descr.has_value());
      if (peek() == '[' || peek() == '(')
        throw mismatchError(m_subject, "descr", "a plain number type", "a structured type");
      literal.descr = string("descr");
    } else if (key == "fortran_order") {
      requireFirst(key, literal.fortranOrder.has_value());
      literal.fortranOrder = boolean();
    } else if (key == "shape") {
      requireFirst(key, literal.shape.has_value());
      literal.shape = tuple();
    } else {
      throw mismatchError(m_subject, "key", "descr, fortran_order or shape", "'" + key + "'");
    }
  }

  void requireFirst(const std::string& key, bool isKnown) const {
    if (isKnown) throw inputError(m_subject, "key '" + key + "' occurs twice");
  }

  std::string string(std::string_view field) {
    const char quote = peek();
    if (quote != '\'' && quote != '"') refuse(field, "a quoted text");
    const std::size_t end = m_text.find(quote, m_at + 1);
    if (end == std::string_view::npos) refuse(field, "a closing quote");
    const std::string_view inside = m_text.substr(m_at + 1, end - m_at - 1);
    if (inside.find('\\') != std::string_view::npos) refuse(field, "no backslash");
    m_at = end + 1;
    return std::string(inside);
  }

  bool boolean() {
    skipBlanks();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!m_text.substr(m_at).starts_with(word)) continue;
      m_at += word.size();
      return value;
    }
    refuse("fortran_order", "True or False");
  }

  Shape tuple() {
    Shape shape;
    if (!take('(')) refuse("shape", "a tuple of whole numbers");
    bool hasComma = true;
    while (!take(')')) {
      if (!hasComma) refuse("shape", "a comma or )");
      if (shape.size() == kMostDimensions) refuse("shape", "at most 64 dimensions");
      shape.push_back(dimension());
      hasComma = take(',');
    }
    if (shape.size() == 1 && !hasComma) refuse("shape", "a tuple: (6,), not (6)");
    return shape;
  }

  std::uint64_t dimension() {
    skipBlanks();
    std::uint64_t value = 0;
    const char* const end = m_text.data() + m_text.size();
    const auto [next, failure] = std::from_chars(m_text.data() + m_at, end, value);
    if (failure != std::errc{}) refuse("shape", "whole numbers from 0 to 2^64 - 1");
    m_at = static_cast<std::size_t>(next - m_text.data());
    return value;
  }

  char peek() {
    skipBlanks();
    return m_at < m_text.size() ? m_text[m_at] : '\0';
  }
  bool take(char expected) {
    if (peek() != expected || m_at >= m_text.size()) return false;
    ++m_at;
    return true;
  }
  void require(char expected) {
    if (!take(expected)) refuse("header", std::string("'") + expected + "'");
  }
  void skipBlanks() {
    while (m_at < m_text.size() && std::string_view(" \t\r\n").find(m_text[m_at]) != std::string_view::npos) ++m_at;
  }

  [[noreturn]] void refuse(std::string_view field, const std::string& expected) const {
    const std::string got = m_at < m_text.size() ? "'" + std::string(m_text.substr(m_at, 12)) + "'" : "the end";
    throw mismatchError(m_subject, field, expected, got);
  }

  std::string_view m_text;
  const std::string& m_subject;
  std::size_t m_at = 0;
};

}  // namespace

NpyLiteral parseNpyLiteral(std::string_view text, const std::string& subject) { return Parser(text, subject).parse(); }

}  // namespace qs
