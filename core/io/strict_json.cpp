#include "core/io/strict_json.h"

#include <set>
#include <vector>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr int kMaximumDepth = 64;

}  // namespace

nlohmann::json parseStrictJson(std::string_view text, const std::string& subject) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Event event, nlohmann::json& value) {
    if (depth > kMaximumDepth)
      throw inputError(subject, "JSON is nested deeper than " + std::to_string(kMaximumDepth) + " levels");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second)
      throw inputError(subject, "JSON key '" + value.get<std::string>() + "' occurs twice");
    return true;
  };
  // The parser takes NUL for the end of its input.
  if (text.find('\0') != std::string_view::npos) throw inputError(subject, "not valid JSON: it holds NUL");
  try {
    return nlohmann::json::parse(text.begin(), text.end(), watch);
  } catch (const nlohmann::json::exception& error) {
    throw inputError(subject, std::string("not valid JSON: ") + error.what());
  }
}

std::vector<std::string> keysInOrder(std::string_view text, std::string_view object) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::string> path;  // the key at work in each open object
  std::vector<std::string> keys;
  const auto watch = [&](int, Event event, nlohmann::json& value) {
    if (event == Event::object_start) path.emplace_back();
    if (event == Event::object_end) path.pop_back();
    if (event == Event::key) {
      path.back() = value.get<std::string>();
      if (path.size() > 1 && path[path.size() - 2] == object) keys.push_back(path.back());
    }
    return true;
  };
  [[maybe_unused]] const auto parsed = nlohmann::json::parse(text.begin(), text.end(), watch);
  return keys;
}

}  // namespace qs
