#pragma once

#include <string>
#include <vector>

namespace qs {

/// A table of texts that is written as CSV (RFC 4180), Markdown or aligned plain text. Numbers come formatted in the C
/// locale.
struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
  std::vector<bool> isNumber = {};             ///< columns that Markdown aligns to the right; empty = none

  [[nodiscard]] std::string toCsv() const;
  [[nodiscard]] std::string toMarkdown() const;
  [[nodiscard]] std::string toPlainText() const;
};

/// The shortest text that reads back as the same number, in the C locale; "" for NaN and infinity.
[[nodiscard]] std::string exactText(double value);
/// `digits` significant digits, in the C locale.
[[nodiscard]] std::string roundedText(double value, int digits);

}  // namespace qs
