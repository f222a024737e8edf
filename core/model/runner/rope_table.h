#pragma once

#include <cstddef>
#include <span>

#include "core/model/rope.h"
#include "core/tensor/matrix.h"

namespace qs {

/// cos and sin of the rotations at positions first..first+count-1. Thread-safe.
class RopeTable {
 public:
  /// `sequenceLength` chooses between short and long frequencies (longrope).
  RopeTable(const RopeSpec& rope, std::size_t first, std::size_t count, std::size_t sequenceLength);
  /// Rotates a head's leading dimensions at the table's row `index`.
  void rotate(std::size_t index, std::span<float> head) const;

 private:
  Matrix m_cos;
  Matrix m_sin;
};

}  // namespace qs
