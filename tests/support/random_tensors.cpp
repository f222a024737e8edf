#include "tests/support/random_tensors.h"

#include <algorithm>
#include <random>

#include "core/tensor/half.h"

namespace qs::test {

void writeRandomTensors(const std::filesystem::path& path, const std::vector<PlannedTensor>& plan, unsigned seed,
                        float size, const std::function<float(std::size_t column)>& factor) {
  SafetensorsWriter writer(path, plan, {}, false);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (const PlannedTensor& tensor : plan) {
    std::vector<float> values(elementCount(tensor.shape).value());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = size * normal(random) * (factor ? factor(i % tensor.shape.back()) : 1.0F);
    if (tensor.dtype == DType::F32) {
      writer.append(tensor.name, std::as_bytes(std::span<const float>(values)));
      continue;
    }
    std::vector<std::uint16_t> bits(values.size());
    std::ranges::transform(values, bits.begin(), floatToBfloat16);
    writer.append(tensor.name, std::as_bytes(std::span<const std::uint16_t>(bits)));
  }
  writer.commit();
}

}  // namespace qs::test
