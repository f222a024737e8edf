#include "app/cli/earlier_output.h"

#include <fstream>

#include <nlohmann/json.hpp>

namespace qs::cli {

namespace {

bool isFile(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

}  // namespace

bool isEarlierReport(const std::filesystem::path& path) {
  if (!isFile(path)) return false;
  std::ifstream stream(path, std::ios::binary);
  const nlohmann::json json = nlohmann::json::parse(stream, nullptr, false);
  const auto hasList = [&json](const char* key) { return json.contains(key) && json[key].is_array(); };
  return json.is_object() && json.contains("model") && (hasList("layers") || hasList("rows"));
}

bool isEarlierTable(const std::filesystem::path& path) {
  if (!isFile(path)) return false;
  std::string header;
  std::getline(std::ifstream(path, std::ios::binary), header);
  return header.starts_with("method,") || header.starts_with("| method |");
}

}  // namespace qs::cli
