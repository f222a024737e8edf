#pragma once

#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/pickle/memory_budget.h"
#include "core/io/pickle/pickle_host.h"
#include "core/io/pickle/pickle_value.h"

namespace qs {

/// Reads a pickle (protocols 0 to 5) into values without executing anything: names and calls go to the host. The stack,
/// the memo and all containers are charged to the budget. There are no jumps, so a pickle ends after at most as many
/// steps as it has bytes.
class PickleMachine {
 public:
  /// `pickle` outlives the machine and its values; `subject` is for messages.
  PickleMachine(std::string_view pickle, std::string subject, PickleHost& host, MemoryBudget& budget);

  /// The value that the pickle describes. Throws Error (Input) naming the opcode and its place.
  PickleValue run();

  [[nodiscard]] const PickleNode& node(const PickleValue& container) const { return m_nodes[container.node]; }
  /// A new container, charged to the budget.
  PickleValue make(PickleValue::Kind kind, PickleNode items);
  /// For what the host keeps.
  void charge(std::uint64_t bytes) { m_budget.take(bytes); }

 private:
  using Kind = PickleValue::Kind;

  /// Each handles the opcodes of one kind and tells whether the current one was its own.
  bool pushConstant();
  bool pushNumber();
  bool pushText();
  bool buildContainer();
  bool fillContainer();
  bool useMemo();
  bool useStack();
  bool makeObject();

  std::string_view take(std::uint64_t count);
  std::string_view line();
  template <typename T>
  T number();
  std::uint64_t textLength();
  PickleValue decimal(std::string_view digits) const;
  PickleValue longInteger(std::string_view bytes) const;

  void push(PickleValue value);
  PickleValue pop();
  PickleNode popItems(std::size_t count);
  PickleNode popToMark();
  PickleValue& top();
  void append(PickleValue& container, const PickleNode& items);
  void remember(std::uint64_t index);
  void recall(std::uint64_t index);
  void callWith(const PickleValue& callable, const PickleValue& arguments);
  void buildState();

  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const;

  std::string_view m_pickle;
  std::string m_subject;
  PickleHost& m_host;
  MemoryBudget& m_budget;
  std::size_t m_at = 0;
  std::size_t m_opcodeAt = 0;
  unsigned char m_opcode = 0;
  std::vector<PickleValue> m_stack;
  std::size_t m_highest = 0;  ///< the most that the stack ever held
  std::vector<std::size_t> m_marks;
  std::map<std::uint64_t, PickleValue> m_memo;
  std::deque<PickleNode> m_nodes;
};

}  // namespace qs
