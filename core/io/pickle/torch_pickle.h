#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/pickle/pickle_host.h"
#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace qs {

/// A storage that a pickle refers to: the file `data/<key>` of its archive.
struct TorchStorage {
  std::string_view key;
  bool isUntyped = false;    ///< `count` is bytes; the tensor tells the dtype
  DType dtype = DType::F32;  ///< where typed
  std::uint64_t count = 0;   ///< elements
};

/// A tensor: a view of a storage. Offset and strides are in elements, and not yet checked against the storage.
struct TorchTensor {
  TorchStorage storage;
  DType dtype = DType::F32;
  std::uint64_t offset = 0;
  Shape shape;
  std::vector<std::uint64_t> strides;
};

/// The names that PyTorch's pickles of tensors need, and no others: OrderedDict, the functions
/// that rebuild tensors and parameters, storage classes, torch.Size, and the element types without a storage class.
class TorchPickle final : public PickleHost {
 public:
  /// `subject` is for messages.
  explicit TorchPickle(std::string subject) : m_subject(std::move(subject)) {}

  PickleValue global(std::string_view module, std::string_view name) override;
  PickleValue call(PickleMachine& machine, const PickleValue& callable, const PickleNode& arguments) override;
  PickleValue persistent(PickleMachine& machine, const PickleValue& id) override;

  /// The tensor that a value stands for, or null for other values.
  [[nodiscard]] const TorchTensor* tensor(const PickleValue& value) const;

 private:
  struct Object {
    bool isTensor = false;
    std::size_t index = 0;
  };

  PickleValue orderedDict(PickleMachine& machine, const PickleNode& arguments);
  PickleValue rebuildTensor(PickleMachine& machine, const PickleNode& arguments, bool hasDtype);
  PickleValue addObject(bool isTensor, std::size_t index);
  [[nodiscard]] const TorchStorage& storage(const PickleValue& value) const;
  [[nodiscard]] std::vector<std::uint64_t> sizes(const PickleMachine& machine, const PickleValue& tuple,
                                                 std::string_view field) const;
  [[nodiscard]] std::uint64_t whole(const PickleValue& value, std::string_view field) const;
  [[noreturn]] void refuse(std::string_view field, std::string_view expected, std::string_view got) const;

  std::string m_subject;
  std::vector<TorchStorage> m_storages;
  std::vector<TorchTensor> m_tensors;
  std::vector<Object> m_objects;
};

}  // namespace qs
