#pragma once

#include <string>
#include <vector>

#include "core/base/number_text.h"

namespace qs {

/// A table of texts that is written as CSV (RFC 4180), Markdown or aligned plain text. Numbers come formatted
/// (number_text.h).
struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
  std::vector<bool> isNumber = {};             ///< columns that Markdown aligns to the right; empty = none

  [[nodiscard]] std::string toCsv() const;
  [[nodiscard]] std::string toMarkdown() const;
  [[nodiscard]] std::string toPlainText() const;
};

}  // namespace qs
