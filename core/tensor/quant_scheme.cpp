#include "core/tensor/quant_scheme.h"

#include <algorithm>
#include <cmath>

#include "core/tensor/half.h"

namespace qs {

int bitsOf(ScaleType type) {
  switch (type) {
    case ScaleType::F32:
      return 32;
    case ScaleType::F16:
    case ScaleType::BF16:
      return 16;
    case ScaleType::E8M0:
      return 8;
  }
  return 32;
}

std::string toText(ScaleType type) {
  switch (type) {
    case ScaleType::F32:
      return "F32";
    case ScaleType::F16:
      return "F16";
    case ScaleType::BF16:
      return "BF16";
    case ScaleType::E8M0:
      return "E8M0";
  }
  return {};
}

float roundToScaleType(float scale, ScaleType type) {
  switch (type) {
    case ScaleType::F32:
      return scale;
    case ScaleType::F16: {
      const float rounded = halfToFloat(floatToHalf(scale));
      return rounded == 0.0F && scale > 0.0F ? std::ldexp(1.0F, -24) : rounded;
    }
    case ScaleType::BF16:
      return bfloat16ToFloat(floatToBfloat16(scale));
    case ScaleType::E8M0:
      return std::ldexp(1.0F, std::clamp(static_cast<int>(std::nearbyint(std::log2(scale))), -127, 127));
  }
  return scale;
}

std::size_t QuantScheme::groupLength(std::size_t cols) const {
  return groupSize > 0 ? std::min(static_cast<std::size_t>(groupSize), std::max<std::size_t>(cols, 1)) : cols;
}

std::size_t QuantScheme::groupsPerRow(std::size_t cols) const {
  if (groupSize <= 0 || cols == 0) return 1;
  const auto group = static_cast<std::size_t>(groupSize);
  return (cols + group - 1) / group;
}

std::size_t QuantScheme::scaleCount(std::size_t rows, std::size_t cols) const {
  return groupSize == kPerTensor ? 1 : rows * groupsPerRow(cols);
}

int QuantScheme::minCode() const { return symmetric ? -(1 << (bits - 1)) : 0; }

int QuantScheme::maxCode() const { return symmetric ? (1 << (bits - 1)) - 1 : (1 << bits) - 1; }

std::string QuantScheme::toText() const {
  std::string text =
      codebookName.empty() ? std::to_string(bits) + "-bit " + (symmetric ? "symmetric" : "asymmetric") : codebookName;
  if (groupSize == kPerTensor) return text + ", per tensor";
  if (groupSize == kPerChannel) return text + ", per channel";
  return text + ", groups of " + std::to_string(groupSize);
}

}  // namespace qs
