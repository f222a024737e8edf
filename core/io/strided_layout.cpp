#include "core/io/strided_layout.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/kernels/convert.h"

namespace qs {

namespace {

constexpr std::size_t kTileElements = 1024;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// Walks a tensor's elements in row-major order and tells where each stands.
class Walker {
 public:
  Walker(const StridedLayout& layout, std::uint64_t first) : m_layout(layout), m_index(layout.shape.size()) {
    for (std::size_t d = m_index.size(); d-- > 0;) {
      m_index[d] = first % layout.shape[d];
      first /= layout.shape[d];
      m_position += m_index[d] * layout.strides[d];
    }
  }
  [[nodiscard]] std::uint64_t position() const { return m_position; }
  void advance() {
    for (std::size_t d = m_index.size(); d-- > 0;) {
      m_position += m_layout.strides[d];
      if (++m_index[d] < m_layout.shape[d]) return;
      m_position -= m_index[d] * m_layout.strides[d];
      m_index[d] = 0;
    }
  }

 private:
  const StridedLayout& m_layout;
  std::vector<std::uint64_t> m_index;
  std::uint64_t m_position = 0;
};

}  // namespace

bool StridedLayout::isPlain() const {
  if (isSwapped) return false;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return true;
  std::uint64_t expected = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    if (shape[d] != 1 && strides[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

std::optional<std::uint64_t> StridedLayout::extent() const {
  std::uint64_t last = 0;
  for (const std::uint64_t size : shape)
    if (size == 0) return 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const std::uint64_t steps = shape[d] - 1;
    if (steps != 0 && strides[d] > kMost / steps) return std::nullopt;
    if (steps * strides[d] > kMost - 1 - last) return std::nullopt;
    last += steps * strides[d];
  }
  return last + 1;
}

std::vector<std::uint64_t> rowMajorStrides(const Shape& shape) {
  std::vector<std::uint64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

std::vector<std::uint64_t> columnMajorStrides(const Shape& shape) {
  std::vector<std::uint64_t> strides(shape.size(), 1);
  for (std::size_t d = 1; d < shape.size(); ++d) strides[d] = strides[d - 1] * shape[d - 1];
  return strides;
}

void readStrided(const StridedLayout& layout, std::span<const std::byte> bytes, std::uint64_t first,
                 std::span<float> out) {
  if (out.empty()) return;
  const auto width = static_cast<std::size_t>(traits(layout.dtype).bits / 8);
  std::vector<std::byte> tile(std::min(kTileElements, out.size()) * width);
  Walker walker(layout, first);
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t count = std::min(kTileElements, out.size() - done);
    for (std::size_t i = 0; i < count; ++i, walker.advance()) {
      std::byte* const element = tile.data() + i * width;
      std::memcpy(element, bytes.data() + walker.position() * width, width);
      if (layout.isSwapped) std::reverse(element, element + width);
    }
    widenToFloat(layout.dtype, std::span(tile).first(count * width), out.subspan(done, count));
    done += count;
  }
}

}  // namespace qs
