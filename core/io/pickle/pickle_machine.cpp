#include "core/io/pickle/pickle_machine.h"

#include <charconv>
#include <cstring>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::size_t kHighestProtocol = 5;
// Charges: what a value, a container and a memo entry take, the growth of a vector included.
constexpr std::uint64_t kItemBytes = 2 * sizeof(PickleValue);
constexpr std::uint64_t kNodeBytes = 64;
constexpr std::uint64_t kMemoBytes = 112;
constexpr std::uint64_t kMarkBytes = 16;

}  // namespace

std::string_view kindName(PickleValue::Kind kind) {
  switch (kind) {
    case PickleValue::Kind::None:
      return "None";
    case PickleValue::Kind::Bool:
      return "a switch";
    case PickleValue::Kind::Integer:
      return "a whole number";
    case PickleValue::Kind::Real:
      return "a real number";
    case PickleValue::Kind::Text:
      return "a text";
    case PickleValue::Kind::Bytes:
      return "bytes";
    case PickleValue::Kind::Tuple:
      return "a tuple";
    case PickleValue::Kind::List:
      return "a list";
    case PickleValue::Kind::Dict:
      return "a dictionary";
    case PickleValue::Kind::Global:
      return "a name";
    case PickleValue::Kind::Object:
      return "an object";
  }
  return "a value";
}

PickleMachine::PickleMachine(std::string_view pickle, std::string subject, PickleHost& host, MemoryBudget& budget)
    : m_pickle(pickle), m_subject(std::move(subject)), m_host(host), m_budget(budget) {}

PickleValue PickleMachine::run() {
  while (true) {
    m_opcodeAt = m_at;
    m_opcode = static_cast<unsigned char>(take(1).front());
    if (m_opcode == '.') return pop();
    const bool known = pushConstant() || pushNumber() || pushText() || buildContainer() || fillContainer() ||
                       useMemo() || useStack() || makeObject();
    if (!known) refuse("an opcode of a state dictionary", "another");
  }
}

PickleValue PickleMachine::make(Kind kind, PickleNode items) {
  m_budget.take(kNodeBytes + kItemBytes * items.size());
  m_nodes.push_back(std::move(items));
  return {.kind = kind, .node = m_nodes.size() - 1};
}

bool PickleMachine::pushConstant() {
  switch (m_opcode) {
    case 0x80: {  // PROTO
      const auto protocol = number<std::uint8_t>();
      if (protocol > kHighestProtocol) refuse("protocol 0 to 5", std::to_string(protocol));
      return true;
    }
    case 0x95:  // FRAME: only a hint how much to read at once
      (void)take(8);
      return true;
    case 'N':
      push({});
      return true;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push({.kind = Kind::Bool, .number = m_opcode == 0x88 ? 1 : 0});
      return true;
    default:
      return false;
  }
}

bool PickleMachine::pushNumber() {
  switch (m_opcode) {
    case 'J':  // BININT
      push({.kind = Kind::Integer, .number = number<std::int32_t>()});
      return true;
    case 'K':  // BININT1
      push({.kind = Kind::Integer, .number = number<std::uint8_t>()});
      return true;
    case 'M':  // BININT2
      push({.kind = Kind::Integer, .number = number<std::uint16_t>()});
      return true;
    case 0x8A:  // LONG1
      push(longInteger(take(number<std::uint8_t>())));
      return true;
    case 0x8B:  // LONG4
      push(longInteger(take(number<std::uint32_t>())));
      return true;
    case 'I':
    case 'L':
      push(decimal(line()));
      return true;
    case 'F':
      (void)line();
      push({.kind = Kind::Real});
      return true;
    case 'G':  // BINFLOAT
      (void)take(8);
      push({.kind = Kind::Real});
      return true;
    default:
      return false;
  }
}

bool PickleMachine::pushText() {
  switch (m_opcode) {
    case 'X':   // BINUNICODE
    case 0x8C:  // SHORT_BINUNICODE
    case 0x8D:  // BINUNICODE8
    case 'T':   // BINSTRING, SHORT_BINSTRING: Python 2's texts
    case 'U':
      push({.kind = Kind::Text, .text = take(textLength())});
      return true;
    case 'V':  // UNICODE, STRING: up to the end of the line
    case 'S':
      push({.kind = Kind::Text, .text = line()});
      return true;
    case 'B':   // BINBYTES
    case 'C':   // SHORT_BINBYTES
    case 0x8E:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      push({.kind = Kind::Bytes, .text = take(textLength())});
      return true;
    default:
      return false;
  }
}

bool PickleMachine::buildContainer() {
  switch (m_opcode) {
    case '(':
      m_budget.take(kMarkBytes);
      m_marks.push_back(m_stack.size());
      return true;
    case ')':
      push(make(Kind::Tuple, {}));
      return true;
    case ']':
    case 0x8F:  // EMPTY_SET
      push(make(Kind::List, {}));
      return true;
    case '}':
      push(make(Kind::Dict, {}));
      return true;
    case 0x85:  // TUPLE1, TUPLE2, TUPLE3
    case 0x86:
    case 0x87:
      push(make(Kind::Tuple, popItems(m_opcode - std::size_t{0x84})));
      return true;
    case 't':
      push(make(Kind::Tuple, popToMark()));
      return true;
    case 'l':
    case 0x91:  // FROZENSET
      push(make(Kind::List, popToMark()));
      return true;
    case 'd': {
      PickleValue dict = make(Kind::Dict, {});
      append(dict, popToMark());
      push(dict);
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::fillContainer() {
  const bool isDict = m_opcode == 's' || m_opcode == 'u';  // SETITEM, SETITEMS
  PickleNode items;
  switch (m_opcode) {
    case 'a':  // APPEND
      items = popItems(1);
      break;
    case 's':
      items = popItems(2);
      break;
    case 'e':   // APPENDS
    case 0x90:  // ADDITEMS
    case 'u':
      items = popToMark();
      break;
    default:
      return false;
  }
  PickleValue& container = top();
  if (container.kind != (isDict ? Kind::Dict : Kind::List))
    refuse(isDict ? "a dictionary" : "a list", std::string(kindName(container.kind)));
  append(container, items);
  return true;
}

bool PickleMachine::useMemo() {
  switch (m_opcode) {
    case 'q':  // BINPUT
      remember(number<std::uint8_t>());
      return true;
    case 'r':  // LONG_BINPUT
      remember(number<std::uint32_t>());
      return true;
    case 0x94:  // MEMOIZE
      remember(m_memo.size());
      return true;
    case 'p':
      remember(static_cast<std::uint64_t>(decimal(line()).number));
      return true;
    case 'h':  // BINGET
      recall(number<std::uint8_t>());
      return true;
    case 'j':  // LONG_BINGET
      recall(number<std::uint32_t>());
      return true;
    case 'g':
      recall(static_cast<std::uint64_t>(decimal(line()).number));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::useStack() {
  switch (m_opcode) {
    case '0':  // POP: of a mark, too
      if (!m_marks.empty() && m_marks.back() == m_stack.size())
        m_marks.pop_back();
      else
        (void)pop();
      return true;
    case '1':  // POP_MARK
      (void)popToMark();
      return true;
    case '2':  // DUP
      push(top());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::makeObject() {
  switch (m_opcode) {
    case 'c': {  // GLOBAL
      const std::string_view module = line();
      push(m_host.global(module, line()));
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue name = pop();
      const PickleValue module = pop();
      if (name.kind != Kind::Text || module.kind != Kind::Text)
        refuse("a module and a name in texts", std::string(kindName(name.kind)));
      push(m_host.global(module.text, name.text));
      return true;
    }
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      const PickleValue arguments = pop();
      const PickleValue callable = pop();
      callWith(callable, arguments);
      return true;
    }
    case 'i': {  // INST
      const std::string_view module = line();
      const PickleValue callable = m_host.global(module, line());
      callWith(callable, make(Kind::Tuple, popToMark()));
      return true;
    }
    case 'o': {  // OBJ
      PickleNode items = popToMark();
      if (items.empty()) refuse("a class", "nothing");
      const PickleValue callable = items.front();
      items.erase(items.begin());
      callWith(callable, make(Kind::Tuple, std::move(items)));
      return true;
    }
    case 'b':  // BUILD
      buildState();
      return true;
    case 'Q':  // BINPERSID
      push(m_host.persistent(*this, pop()));
      return true;
    default:
      return false;
  }
}

std::string_view PickleMachine::take(std::uint64_t count) {
  if (count > m_pickle.size() - m_at)
    refuse("at most the " + std::to_string(m_pickle.size() - m_at) + " bytes that follow", std::to_string(count));
  const std::string_view part = m_pickle.substr(m_at, count);
  m_at += count;
  return part;
}

std::string_view PickleMachine::line() {
  const std::size_t end = m_pickle.find('\n', m_at);
  if (end == std::string_view::npos) refuse("the end of a line", "the end of the pickle");
  const std::string_view text = m_pickle.substr(m_at, end - m_at);
  m_at = end + 1;
  return text;
}

template <typename T>
T PickleMachine::number() {
  T value{};
  std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  return value;
}

std::uint64_t PickleMachine::textLength() {
  if (m_opcode == 0x8D || m_opcode == 0x8E || m_opcode == 0x96) return number<std::uint64_t>();
  if (m_opcode == 0x8C || m_opcode == 'U' || m_opcode == 'C') return number<std::uint8_t>();
  return number<std::uint32_t>();
}

PickleValue PickleMachine::decimal(std::string_view digits) const {
  if (digits.ends_with('L')) digits.remove_suffix(1);
  PickleValue value{.kind = Kind::Integer};
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value.number);
  if (failure != std::errc{} || end != digits.data() + digits.size())
    refuse("a whole number of 64 bits", "'" + std::string(digits.substr(0, 32)) + "'");
  if (m_opcode == 'I' && (digits == "00" || digits == "01")) value.kind = Kind::Bool;
  return value;
}

// Little-endian two's complement of any length; weights need no more than 64 bits.
PickleValue PickleMachine::longInteger(std::string_view bytes) const {
  if (bytes.size() > sizeof(std::int64_t)) refuse("a whole number of 64 bits", std::to_string(bytes.size()) + " bytes");
  const bool isNegative = !bytes.empty() && static_cast<unsigned char>(bytes.back()) >= 0x80;
  PickleValue value{.kind = Kind::Integer, .number = isNegative ? -1 : 0};
  std::memcpy(&value.number, bytes.data(), bytes.size());
  return value;
}

void PickleMachine::push(PickleValue value) {
  if (m_stack.size() == m_highest) {
    m_budget.take(kItemBytes);
    ++m_highest;
  }
  m_stack.push_back(value);
}

PickleValue PickleMachine::pop() {
  const PickleValue value = top();
  m_stack.pop_back();
  return value;
}

PickleValue& PickleMachine::top() {
  if (m_stack.size() <= (m_marks.empty() ? 0 : m_marks.back())) refuse("a value on the stack", "none");
  return m_stack.back();
}

PickleNode PickleMachine::popItems(std::size_t count) {
  if (m_stack.size() - (m_marks.empty() ? 0 : m_marks.back()) < count)
    refuse(std::to_string(count) + " values on the stack", "fewer");
  PickleNode items(m_stack.end() - static_cast<std::ptrdiff_t>(count), m_stack.end());
  m_stack.resize(m_stack.size() - count);
  return items;
}

PickleNode PickleMachine::popToMark() {
  if (m_marks.empty()) refuse("a mark on the stack", "none");
  PickleNode items = popItems(m_stack.size() - m_marks.back());
  m_marks.pop_back();
  return items;
}

void PickleMachine::append(PickleValue& container, const PickleNode& items) {
  if (container.kind == Kind::Dict && items.size() % 2 != 0) refuse("keys and values", "a key without value");
  m_budget.take(kItemBytes * items.size());
  PickleNode& node = m_nodes[container.node];
  node.insert(node.end(), items.begin(), items.end());
}

void PickleMachine::remember(std::uint64_t index) {
  const PickleValue value = top();
  if (m_memo.insert_or_assign(index, value).second) m_budget.take(kMemoBytes);
}

void PickleMachine::recall(std::uint64_t index) {
  const auto found = m_memo.find(index);
  if (found == m_memo.end()) refuse("a remembered value", "number " + std::to_string(index));
  push(found->second);
}

void PickleMachine::callWith(const PickleValue& callable, const PickleValue& arguments) {
  if (arguments.kind != Kind::Tuple) refuse("a tuple of arguments", std::string(kindName(arguments.kind)));
  push(m_host.call(*this, callable, m_nodes[arguments.node]));
}

// An ordered dictionary may carry attributes, such as a module's version numbers: they are left out.
void PickleMachine::buildState() {
  (void)pop();
  if (top().kind != Kind::Dict) refuse("state for a dictionary", "for " + std::string(kindName(top().kind)));
}

void PickleMachine::refuse(const std::string& expected, const std::string& got) const {
  char opcode[8];
  std::snprintf(opcode, sizeof opcode, "0x%02x", m_opcode);
  throw mismatchError(m_subject, std::string("opcode ") + opcode + " at byte " + std::to_string(m_opcodeAt), expected,
                      got);
}

}  // namespace qs
