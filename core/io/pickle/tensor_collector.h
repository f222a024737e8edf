#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/io/pickle/memory_budget.h"
#include "core/io/pickle/pickle_machine.h"
#include "core/io/pickle/torch_pickle.h"

namespace qs {

/// A tensor and where it stands in the dictionary.
struct NamedTorchTensor {
  std::string name;
  const TorchTensor* tensor = nullptr;  ///< of the host
};

/// Finds the tensors in what a pickle described: those of the root, or of the state dictionary that it wraps
/// ("state_dict", "model_state_dict", "model", "module"). Names of nested dictionaries and lists are joined by dots;
/// a container that occurs several times counts once. Throws Error (Input) where nothing is left of the budget, or the
/// nesting passes 64 levels.
class TensorCollector {
 public:
  /// All outlive the collector; `subject` is for messages.
  TensorCollector(const PickleMachine& machine, const TorchPickle& host, MemoryBudget& budget, std::string subject)
      : m_machine(machine), m_host(host), m_budget(budget), m_subject(std::move(subject)) {}

  std::vector<NamedTorchTensor> collect(const PickleValue& root);

 private:
  [[nodiscard]] PickleValue unwrapped(PickleValue value) const;
  void visit(const PickleValue& value, const std::string& name, int depth);
  void visitItem(const PickleValue& value, const std::string& prefix, const std::string& key, int depth);

  const PickleMachine& m_machine;
  const TorchPickle& m_host;
  MemoryBudget& m_budget;
  std::string m_subject;
  std::set<std::size_t> m_visited;
  std::vector<NamedTorchTensor> m_found;
};

}  // namespace qs
