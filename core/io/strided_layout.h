#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace qs {

/// How the elements of a tensor stand in a run of bytes whose first element is element 0.
struct StridedLayout {
  DType dtype = DType::F32;
  Shape shape;
  std::vector<std::uint64_t> strides;  ///< in elements, one a dimension
  bool isSwapped = false;              ///< big-endian

  /// Row-major without gaps, in this machine's byte order.
  [[nodiscard]] bool isPlain() const;
  /// Elements from the first to the last, both included; 0 for an empty tensor; nothing where that overflows 64 bits.
  [[nodiscard]] std::optional<std::uint64_t> extent() const;
};

/// Strides of a row-major tensor, or of a column-major one. The shape's product fits 64 bits.
[[nodiscard]] std::vector<std::uint64_t> rowMajorStrides(const Shape& shape);
[[nodiscard]] std::vector<std::uint64_t> columnMajorStrides(const Shape& shape);

/// Elements first..first+out.size()-1 in row-major order, widened to F32. `bytes` holds the layout's extent; the dtype
/// is `convertible`.
void readStrided(const StridedLayout& layout, std::span<const std::byte> bytes, std::uint64_t first,
                 std::span<float> out);

}  // namespace qs
