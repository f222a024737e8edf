#include "core/io/pickle/tensor_collector.h"

#include <array>
#include <optional>

#include "core/base/error.h"

namespace qs {

namespace {

using Kind = PickleValue::Kind;

constexpr int kMostLevels = 64;
// What one tensor of an opened model takes beside its name, and one entry of the set of visited containers.
constexpr std::uint64_t kTensorBytes = 768;
constexpr std::uint64_t kVisitBytes = 48;
constexpr std::array<std::string_view, 4> kWrappers{"state_dict", "model_state_dict", "model", "module"};

std::optional<std::string> keyText(const PickleValue& key) {
  if (key.kind == Kind::Text) return std::string(key.text);
  if (key.kind == Kind::Integer) return std::to_string(key.number);
  return std::nullopt;
}

}  // namespace

std::vector<NamedTorchTensor> TensorCollector::collect(const PickleValue& root) {
  m_found.clear();
  m_visited.clear();
  visit(unwrapped(root), "", 0);
  return std::move(m_found);
}

// Goes down while a dictionary has no tensors of its own but one of the customary keys.
PickleValue TensorCollector::unwrapped(PickleValue value) const {
  for (int level = 0; level < kMostLevels && value.kind == Kind::Dict; ++level) {
    const PickleNode& items = m_machine.node(value);
    std::optional<PickleValue> inner;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (m_host.tensor(items[i + 1]) != nullptr) return value;
      if (items[i].kind != Kind::Text || items[i + 1].kind != Kind::Dict) continue;
      for (const std::string_view wrapper : kWrappers)
        if (items[i].text == wrapper && !inner) inner = items[i + 1];
    }
    if (!inner) return value;
    value = *inner;
  }
  return value;
}

void TensorCollector::visit(const PickleValue& value, const std::string& name, int depth) {
  if (const TorchTensor* tensor = m_host.tensor(value)) {
    m_budget.take(kTensorBytes + 4 * name.size());
    m_found.push_back({name, tensor});
    return;
  }
  if (value.kind != Kind::Dict && value.kind != Kind::List && value.kind != Kind::Tuple) return;
  if (depth > kMostLevels)
    throw inputError(m_subject, "dictionaries nest deeper than " + std::to_string(kMostLevels) + " levels");
  m_budget.take(kVisitBytes);
  if (!m_visited.insert(value.node).second) return;
  const PickleNode& items = m_machine.node(value);
  if (value.kind != Kind::Dict) {
    for (std::size_t i = 0; i < items.size(); ++i) visitItem(items[i], name, std::to_string(i), depth);
    return;
  }
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    if (const std::optional<std::string> key = keyText(items[i])) visitItem(items[i + 1], name, *key, depth);
}

void TensorCollector::visitItem(const PickleValue& value, const std::string& prefix, const std::string& key,
                                int depth) {
  if (value.kind == Kind::Object || value.kind == Kind::Dict || value.kind == Kind::List || value.kind == Kind::Tuple)
    visit(value, prefix.empty() ? key : prefix + "." + key, depth + 1);
}

}  // namespace qs
