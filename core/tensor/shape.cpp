#include "core/tensor/shape.h"

#include <limits>

namespace qs {

std::optional<std::uint64_t> elementCount(const Shape& shape) {
  std::uint64_t product = 1;
  for (const std::uint64_t dimension : shape) {
    if (dimension != 0 && product > std::numeric_limits<std::uint64_t>::max() / dimension) return std::nullopt;
    product *= dimension;
  }
  return product;
}

std::string toText(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::uint64_t dimension : shape) {
    if (!text.empty()) text += " × ";
    text += std::to_string(dimension);
  }
  return text;
}

}  // namespace qs
