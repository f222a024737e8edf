#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/stats/activation_stats.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs::test {

/// A tensor of a golden file, read by a few lines of its own rather than by the reader under test.
struct GoldenTensor {
  std::string dtype;
  std::vector<std::size_t> shape;
  std::vector<std::uint8_t> bytes;

  /// F32, F16, BF16, I8 or U8 as floats.
  [[nodiscard]] std::vector<float> floats() const;
  /// A 2-D tensor as floats.
  [[nodiscard]] Matrix matrix() const;
};

/// The golden data in tests/data/golden (made by independent implementations; see its README).
class Golden {
 public:
  explicit Golden(const std::string& folder);

  [[nodiscard]] const nlohmann::json& expected() const { return m_expected; }
  /// A tensor of any of the files; fails the test program where it doesn't exist.
  [[nodiscard]] const GoldenTensor& tensor(const std::string& name) const;
  [[nodiscard]] Matrix weights(const std::string& layer) const { return tensor(layer + ".weight").matrix(); }
  [[nodiscard]] Matrix inputs(const std::string& layer) const { return tensor(layer + ".input").matrix(); }

 private:
  void read(const std::string& file);

  nlohmann::json m_expected;
  std::map<std::string, GoldenTensor> m_tensors;
};

/// The data, read once.
[[nodiscard]] const Golden& golden();
/// Calibration on a golden layer's inputs, made once.
[[nodiscard]] const ActivationStats& goldenStats(const std::string& layer);
/// ‖X Wᵀ − X Ŵᵀ‖² / ‖X Wᵀ‖² of a golden layer, over all rows of its inputs.
[[nodiscard]] double goldenOutputError(const QuantizedTensor& tensor, const std::string& layer);

}  // namespace qs::test
