#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/exporters/exporter.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

/// A layer that a request will quantize, as far as that is known before the run.
struct PreflightLayer {
  std::string name;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::string method;
  QuantScheme scheme;
  bool quantizesInputs = false;
  bool mayReorderGroups = false;  ///< the method may leave a group index that isn't plain

  [[nodiscard]] bool groupsDivide() const {
    return scheme.groupSize <= 0 || cols % static_cast<std::uint64_t>(scheme.groupSize) == 0;
  }
};

/// Says why a layer doesn't fit, or nothing.
using LayerCheck = std::function<std::string(const PreflightLayer&)>;

/// The findings of a format that writes model folders: config.json must be there, scales in `scaleType`, one setting
/// for all layers where `oneSetting`, and each layer as `check` says.
[[nodiscard]] std::vector<PreflightFinding> preflightLayers(const Checkpoint& model, const QuantRequest& request,
                                                            ScaleType scaleType, bool oneSetting,
                                                            const LayerCheck& check);

}  // namespace qs
