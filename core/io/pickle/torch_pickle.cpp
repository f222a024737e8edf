#include "core/io/pickle/torch_pickle.h"

#include <array>
#include <optional>

#include "core/base/error.h"
#include "core/io/pickle/pickle_machine.h"

namespace qs {

namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostDimensions = 64;
constexpr std::size_t kTensorArguments = 6;  // storage, offset, shape, strides, requires_grad, hooks
constexpr std::size_t kPersistentItems = 5;  // "storage", class, key, device, elements

enum class Meaning : std::uint8_t {
  OrderedDict,
  RebuildTensor,
  RebuildTensorWithDtype,
  RebuildParameter,
  Size,
  Storage,
  UntypedStorage,
  ElementType,
};

struct Row {
  std::string_view module;
  std::string_view name;
  Meaning meaning;
  DType dtype = DType::F32;
};

// The whole list: whatever is not here is refused.
constexpr std::array kAllowed{
    Row{"collections", "OrderedDict", Meaning::OrderedDict},
    Row{"torch._utils", "_rebuild_tensor_v2", Meaning::RebuildTensor},
    Row{"torch._utils", "_rebuild_tensor_v3", Meaning::RebuildTensorWithDtype},
    Row{"torch._utils", "_rebuild_parameter", Meaning::RebuildParameter},
    Row{"torch", "Size", Meaning::Size},
    Row{"torch", "FloatStorage", Meaning::Storage, DType::F32},
    Row{"torch", "HalfStorage", Meaning::Storage, DType::F16},
    Row{"torch", "BFloat16Storage", Meaning::Storage, DType::BF16},
    Row{"torch", "DoubleStorage", Meaning::Storage, DType::F64},
    Row{"torch", "ByteStorage", Meaning::Storage, DType::U8},
    Row{"torch", "CharStorage", Meaning::Storage, DType::I8},
    Row{"torch", "ShortStorage", Meaning::Storage, DType::I16},
    Row{"torch", "IntStorage", Meaning::Storage, DType::I32},
    Row{"torch", "LongStorage", Meaning::Storage, DType::I64},
    Row{"torch", "BoolStorage", Meaning::Storage, DType::Bool},
    Row{"torch.storage", "UntypedStorage", Meaning::UntypedStorage},
    Row{"torch", "float8_e4m3fn", Meaning::ElementType, DType::F8E4M3},
    Row{"torch", "float8_e5m2", Meaning::ElementType, DType::F8E5M2},
    Row{"torch", "float8_e4m3fnuz", Meaning::ElementType, DType::F8E4M3FNUZ},
    Row{"torch", "float8_e5m2fnuz", Meaning::ElementType, DType::F8E5M2FNUZ},
    Row{"torch", "float8_e8m0fnu", Meaning::ElementType, DType::F8E8M0},
    Row{"torch", "uint16", Meaning::ElementType, DType::U16},
    Row{"torch", "uint32", Meaning::ElementType, DType::U32},
    Row{"torch", "uint64", Meaning::ElementType, DType::U64},
};

const Row* rowOf(const PickleValue& value) {
  return value.kind == Kind::Global ? &kAllowed.at(static_cast<std::size_t>(value.number)) : nullptr;
}

std::string nameOf(const Row& row) { return std::string(row.module) + "." + std::string(row.name); }

}  // namespace

PickleValue TorchPickle::global(std::string_view module, std::string_view name) {
  for (std::size_t i = 0; i < kAllowed.size(); ++i)
    if (kAllowed[i].module == module && kAllowed[i].name == name)
      return {.kind = Kind::Global, .number = static_cast<std::int64_t>(i)};
  constexpr std::size_t kShown = 80;
  throw inputError(m_subject, "refers to '" + std::string(module.substr(0, kShown)) + "." +
                                  std::string(name.substr(0, kShown)) +
                                  "', which is not needed for tensors: nothing in a pickle is executed");
}

PickleValue TorchPickle::call(PickleMachine& machine, const PickleValue& callable, const PickleNode& arguments) {
  const Row* const row = rowOf(callable);
  if (row == nullptr) refuse("call", "of a name", kindName(callable.kind));
  switch (row->meaning) {
    case Meaning::OrderedDict:
      return orderedDict(machine, arguments);
    case Meaning::RebuildTensor:
    case Meaning::RebuildTensorWithDtype:
      return rebuildTensor(machine, arguments, row->meaning == Meaning::RebuildTensorWithDtype);
    case Meaning::RebuildParameter:
      if (arguments.empty() || tensor(arguments.front()) == nullptr) refuse(row->name, "a tensor", "something else");
      return arguments.front();
    case Meaning::Size:
      if (arguments.size() != 1 || (arguments[0].kind != Kind::Tuple && arguments[0].kind != Kind::List))
        refuse(row->name, "a tuple", "something else");
      return arguments.front();
    case Meaning::Storage:
    case Meaning::UntypedStorage:
    case Meaning::ElementType:
      break;
  }
  refuse("call", "of a function that rebuilds tensors", nameOf(*row));
}

PickleValue TorchPickle::persistent(PickleMachine& machine, const PickleValue& id) {
  if (id.kind != Kind::Tuple) refuse("persistent id", "a tuple", kindName(id.kind));
  const PickleNode& items = machine.node(id);
  if (items.size() != kPersistentItems || items[0].kind != Kind::Text || items[0].text != "storage")
    refuse("persistent id", "('storage', class, key, device, elements)", std::to_string(items.size()) + " items");
  const Row* const row = rowOf(items[1]);
  if (row == nullptr || (row->meaning != Meaning::Storage && row->meaning != Meaning::UntypedStorage))
    refuse("storage class", "a storage class", row != nullptr ? nameOf(*row) : std::string(kindName(items[1].kind)));
  if (items[2].kind != Kind::Text) refuse("storage key", "a text", kindName(items[2].kind));
  machine.charge(sizeof(TorchStorage) + sizeof(Object));
  m_storages.push_back({.key = items[2].text,
                        .isUntyped = row->meaning == Meaning::UntypedStorage,
                        .dtype = row->dtype,
                        .count = whole(items[4], "storage elements")});
  return addObject(false, m_storages.size() - 1);
}

const TorchTensor* TorchPickle::tensor(const PickleValue& value) const {
  if (value.kind != Kind::Object) return nullptr;
  const Object& object = m_objects.at(static_cast<std::size_t>(value.number));
  return object.isTensor ? &m_tensors[object.index] : nullptr;
}

// Without arguments, or with a list of pairs as older Pythons wrote it.
PickleValue TorchPickle::orderedDict(PickleMachine& machine, const PickleNode& arguments) {
  PickleNode items;
  if (arguments.size() > 1 || (arguments.size() == 1 && arguments[0].kind != Kind::List))
    refuse("OrderedDict", "no arguments or a list of pairs", std::to_string(arguments.size()) + " arguments");
  if (arguments.size() == 1) {
    for (const PickleValue& pair : machine.node(arguments[0])) {
      const bool isPair = pair.kind == Kind::Tuple || pair.kind == Kind::List;
      if (!isPair || machine.node(pair).size() != 2) refuse("OrderedDict", "pairs", kindName(pair.kind));
      machine.charge(4 * sizeof(PickleValue));
      items.insert(items.end(), machine.node(pair).begin(), machine.node(pair).end());
    }
  }
  return machine.make(Kind::Dict, std::move(items));
}

PickleValue TorchPickle::rebuildTensor(PickleMachine& machine, const PickleNode& arguments, bool hasDtype) {
  const std::size_t needed = kTensorArguments + (hasDtype ? 1 : 0);
  if (arguments.size() < needed || arguments.size() > needed + 1)
    refuse("tensor arguments", std::to_string(needed), std::to_string(arguments.size()));
  TorchTensor tensor{.storage = storage(arguments[0]), .offset = whole(arguments[1], "storage offset")};
  tensor.dtype = tensor.storage.dtype;
  if (hasDtype) {
    const Row* const row = rowOf(arguments[kTensorArguments]);
    if (row == nullptr || row->meaning != Meaning::ElementType)
      refuse("dtype", "an element type", kindName(arguments[kTensorArguments].kind));
    tensor.dtype = row->dtype;
  } else if (tensor.storage.isUntyped) {
    refuse("storage class", "a typed storage", "UntypedStorage");
  }
  tensor.shape = sizes(machine, arguments[2], "shape");
  tensor.strides = sizes(machine, arguments[3], "strides");
  if (tensor.shape.size() != tensor.strides.size())
    refuse("strides", std::to_string(tensor.shape.size()), std::to_string(tensor.strides.size()));
  machine.charge(2 * sizeof(TorchTensor) + sizeof(Object) + 16 * tensor.shape.size());
  m_tensors.push_back(std::move(tensor));
  return addObject(true, m_tensors.size() - 1);
}

PickleValue TorchPickle::addObject(bool isTensor, std::size_t index) {
  m_objects.push_back({isTensor, index});
  return {.kind = Kind::Object, .number = static_cast<std::int64_t>(m_objects.size() - 1)};
}

const TorchStorage& TorchPickle::storage(const PickleValue& value) const {
  if (value.kind == Kind::Object) {
    const Object& object = m_objects.at(static_cast<std::size_t>(value.number));
    if (!object.isTensor) return m_storages[object.index];
  }
  refuse("tensor", "a storage", value.kind == Kind::Object ? "a tensor" : kindName(value.kind));
}

std::vector<std::uint64_t> TorchPickle::sizes(const PickleMachine& machine, const PickleValue& tuple,
                                              std::string_view field) const {
  if (tuple.kind != Kind::Tuple && tuple.kind != Kind::List) refuse(field, "a tuple", kindName(tuple.kind));
  const PickleNode& items = machine.node(tuple);
  if (items.size() > kMostDimensions) refuse(field, "at most 64 dimensions", std::to_string(items.size()));
  std::vector<std::uint64_t> values;
  for (const PickleValue& item : items) values.push_back(whole(item, field));
  return values;
}

std::uint64_t TorchPickle::whole(const PickleValue& value, std::string_view field) const {
  if (value.kind != Kind::Integer) refuse(field, "whole numbers", kindName(value.kind));
  if (value.number < 0) refuse(field, "no negative number", std::to_string(value.number));
  return static_cast<std::uint64_t>(value.number);
}

void TorchPickle::refuse(std::string_view field, std::string_view expected, std::string_view got) const {
  throw mismatchError(m_subject, field, expected, got);
}

}  // namespace qs
