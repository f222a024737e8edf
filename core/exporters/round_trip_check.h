#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/run_context.h"
#include "core/exporters/exporter.h"
#include "core/io/checkpoint.h"
#include "core/kernels/value_digest.h"
#include "core/session/hash64.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// What an export has to read back as. While it is written, each tensor's promised values are handed in, computed from
/// the run's codes and not from what was packed; they are kept as a checksum a row. The written files are opened with
/// the readers of core/io, and every value is compared: a tensor as soon as it is written, or at the end.
class RoundTripCheck {
 public:
  /// A tensor as the reader will name and shape it; once each, before any values.
  void expect(std::string_view tensor, Shape shape);

  /// The next values of a tensor, row-major. −0 counts as 0. Thread-safe across tensors.
  void promise(std::string_view tensor, std::span<const float> values);
  /// The next stored bytes of a tensor that has to come back as it is; not beside promise() for one tensor.
  void promiseBytes(std::string_view tensor, std::span<const std::byte> bytes);

  /// Reads one tensor back as soon as it is whole; compare() leaves it out then. One that differs is left to compare():
  /// not every file system shows at once what is still written. Throws Cancelled. Thread-safe across tensors.
  void compareEarly(const Checkpoint& written, const std::string& name, const RunContext& context);
  /// Whether a layer that is whole reads back as the very same codes and grids: then compare() leaves it out, and its
  /// values need not be promised. Otherwise they may be the same all the same: promise them. Thread-safe across layers.
  [[nodiscard]] bool readsBackAs(const Checkpoint& written, const std::string& name, const QuantizedTensor& layer);
  /// Reads back everything that wasn't compared early. Throws Error (Failed) naming the first tensor, and its row, that
  /// is missing, of another shape, different or not promised; Cancelled. Fills tensors and values of the result.
  void compare(const Checkpoint& written, ExportResult& result, const RunContext& context) const;

 private:
  struct Promise {
    Shape shape;
    bool isBytes = false;
    bool isCompared = false;
    Hash64 bytes;                     // of all bytes so far
    ValueDigest open;                 // of the open row
    std::uint64_t filled = 0;         // values of the open row
    std::vector<std::uint64_t> rows;  // digests of whole rows
  };
  [[nodiscard]] Promise& promiseOf(std::string_view tensor);
  [[nodiscard]] static const CheckpointTensor& requireTensor(const Checkpoint& written, const std::string& name,
                                                             const Promise& promise);
  static void compareTensor(const Checkpoint& written, const std::string& name, const Promise& promise,
                            const RunContext& context);
  static void compareBytes(const CheckpointTensor& tensor, const Promise& promise, const RunContext& context);
  static void compareValues(const CheckpointTensor& tensor, const Promise& promise, const RunContext& context);

  std::map<std::string, Promise, std::less<>> m_promises;
};

}  // namespace qs
