#include "core/exporters/reports/text_table.h"

#include <algorithm>

namespace qs {

namespace {

std::string csvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csvLine(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i > 0 ? "," : "") + csvCell(cells[i]);
  return line + "\n";
}

std::string markdownLine(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) {
    line += ' ';
    for (const char c : cell)
      line += c == '|' ? std::string("\\|") : c == '\n' || c == '\r' ? std::string(" ") : std::string(1, c);
    line += " |";
  }
  return line + "\n";
}

}  // namespace

std::string TextTable::toCsv() const {
  std::string text = csvLine(header);
  for (const auto& row : rows) text += csvLine(row);
  return text;
}

std::string TextTable::toMarkdown() const {
  std::string text = markdownLine(header) + "|";
  for (std::size_t i = 0; i < header.size(); ++i) text += i < isNumber.size() && isNumber[i] ? " ---: |" : " --- |";
  text += "\n";
  for (const auto& row : rows) text += markdownLine(row);
  return text;
}

std::string TextTable::toPlainText() const {
  std::vector<std::size_t> widths(header.size(), 0);
  for (std::size_t i = 0; i < header.size(); ++i) {
    widths[i] = header[i].size();
    for (const auto& row : rows) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto append = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) line += cells[i] + std::string(widths[i] - cells[i].size() + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  append(header);
  for (const auto& row : rows) append(row);
  return text;
}

}  // namespace qs
