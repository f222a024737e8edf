#include "core/io/layouts/stored_codes.h"

#include <algorithm>

namespace qs {

namespace {

template <typename T>
std::vector<T> expanded(const QuantizedTensor& tensor, std::vector<T> values) {
  if (tensor.scheme.groupSize == kPerTensor && !values.empty()) values.assign(tensor.rows, values.front());
  return values;
}

}  // namespace

void unsignedRow(const QuantizedTensor& tensor, std::size_t row, std::span<std::uint8_t> out) {
  const std::uint8_t* codes = tensor.codes.data() + row * tensor.cols;
  if (!tensor.scheme.symmetric) {
    std::copy_n(codes, tensor.cols, out.begin());
    return;
  }
  const auto offset = static_cast<std::uint8_t>(1U << static_cast<unsigned>(tensor.scheme.bits - 1));
  std::transform(codes, codes + tensor.cols, out.begin(),
                 [offset](std::uint8_t code) { return static_cast<std::uint8_t>(code + offset); });
}

std::vector<std::uint8_t> unsignedZeroPoints(const QuantizedTensor& tensor) {
  if (tensor.scheme.symmetric) {
    const auto middle = static_cast<std::uint8_t>(1U << static_cast<unsigned>(tensor.scheme.bits - 1));
    return std::vector<std::uint8_t>(tensor.rows * tensor.scheme.groupsPerRow(tensor.cols), middle);
  }
  std::vector<std::uint8_t> zeros(tensor.zeroPoints.size());
  std::transform(tensor.zeroPoints.begin(), tensor.zeroPoints.end(), zeros.begin(),
                 [](float zero) { return static_cast<std::uint8_t>(zero); });
  return expanded(tensor, std::move(zeros));
}

std::vector<float> scalesPerGroup(const QuantizedTensor& tensor) { return expanded(tensor, tensor.scales); }

}  // namespace qs
