#include "core/session/audit/unquantized_layers.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace qs {

using nlohmann::json;

UnquantizedLayers::UnquantizedLayers(const std::string& configJson, const std::string& subject) : m_subject(subject) {
  const json config = json::parse(configJson, nullptr, false);
  const json quantization = config.is_object() ? config.value("quantization_config", json()) : json();
  if (!quantization.is_object()) return;
  // compressed-tensors' `ignore`: exact names, or "re:" and an expression; the other formats: parts of the name.
  for (const char* key : {"ignore", "modules_to_not_convert", "llm_int8_skip_modules"})
    if (const json list = quantization.value(key, json()); list.is_array())
      for (const json& entry : list)
        if (entry.is_string())
          addEntry(entry.get<std::string>(), std::string_view(key) == "ignore", subject + ": " + key);
  // GPTQ's `dynamic` leaves out what a key with "-:" matches.
  if (const json dynamic = quantization.value("dynamic", json()); dynamic.is_object())
    for (const auto& item : dynamic.items())
      if (item.key().starts_with("-:")) addExpression(item.key().substr(2), subject + ": dynamic");
  const json lists = quantization.value("modules_in_block_to_quantize", json());
  if (lists.is_array() && !lists.empty()) m_listedModules = lists.dump();
}

void UnquantizedLayers::addEntry(const std::string& entry, bool isWholeName, const std::string& subject) {
  if (entry.starts_with("re:"))
    addExpression(entry.substr(3), subject);
  else
    (isWholeName ? m_names : m_partsOfNames).push_back(entry);
}

void UnquantizedLayers::addExpression(const std::string& expression, const std::string& subject) {
  try {
    m_expressions.emplace_back(expression, subject);
  } catch (const Error& error) {
    if (m_unreadable.empty()) m_unreadable = error.reason();
  }
}

bool UnquantizedLayers::contains(const std::string& layer) const {
  if (std::ranges::find(m_names, layer) != m_names.end()) return true;
  for (const std::string& part : m_partsOfNames)
    if (layer.find(part) != std::string::npos) return true;
  if (!m_listedModules.empty()) {
    bool isListed = false;
    for (std::size_t dot = layer.find('.'); dot != std::string::npos; dot = layer.find('.', dot + 1))
      isListed = isListed || m_listedModules.find('"' + layer.substr(dot + 1) + '"') != std::string::npos;
    if (!isListed) return true;
  }
  for (const NamePattern& expression : m_expressions)
    if (expression.matches(layer)) return true;
  if (!m_unreadable.empty()) throw inputError(m_subject, m_unreadable);
  return false;
}

}  // namespace qs
