#pragma once

#include <string_view>

#include "core/io/pickle/pickle_value.h"

namespace qs {

class PickleMachine;

/// What names and calls in a pickle mean. Nothing is ever executed: a host knows a fixed list of names and describes
/// what they would make. Each function throws Error (Input) for what is not on its list.
class PickleHost {
 public:
  virtual ~PickleHost() = default;
  PickleHost() = default;
  PickleHost(const PickleHost&) = delete;
  PickleHost& operator=(const PickleHost&) = delete;
  PickleHost(PickleHost&&) = delete;
  PickleHost& operator=(PickleHost&&) = delete;

  /// The value that stands for module.name.
  virtual PickleValue global(std::string_view module, std::string_view name) = 0;
  /// What a call of `callable` (any value: it need not be a global) with a tuple of arguments gives.
  virtual PickleValue call(PickleMachine& machine, const PickleValue& callable, const PickleNode& arguments) = 0;
  /// What a persistent id stands for.
  virtual PickleValue persistent(PickleMachine& machine, const PickleValue& id) = 0;
};

}  // namespace qs
