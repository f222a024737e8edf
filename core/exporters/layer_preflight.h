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
  bool isDynamicPerTensor = false;  ///< the inputs' scale: found anew for each batch
  bool scalesInputs = false;        ///< may leave an input scale, which has to be folded
  bool isEmbedding = false;
  bool mayReorderGroups = false;  ///< the method may leave a group index that isn't plain

  [[nodiscard]] bool groupsDivide() const {
    return scheme.groupSize <= 0 || cols % static_cast<std::uint64_t>(scheme.groupSize) == 0;
  }
};

/// The layers that a request will quantize, in model order. Throws Error (Request).
[[nodiscard]] std::vector<PreflightLayer> preflightLayers(const Checkpoint& model, const QuantRequest& request,
                                                          ScaleType scaleType);

/// Says something of a layer, or nothing.
using LayerRemark = std::function<std::string(const PreflightLayer&)>;

/// The rules of a format that writes model folders.
struct FolderRules {
  bool oneSetting = false;                            ///< one setting for all layers
  std::vector<ScaleType> scaleTypes{ScaleType::F16};  ///< as ExporterInfo has them
  LayerRemark fault;                                  ///< why a layer can't be held, and what would have to change
  std::vector<LayerRemark> advice;  ///< which loaders won't take it; the same remark is made once for all layers
};

/// The findings of such a format: config.json must be there, scales in a type that it holds, input scales foldable, and
/// each layer as the rules say.
[[nodiscard]] std::vector<PreflightFinding> preflightFolder(const Checkpoint& model, const QuantRequest& request,
                                                            const FolderRules& rules);

/// What is common to formats that write whole models: config.json, scales in a type that they hold, and an architecture
/// into which the input scales of `layers` fold.
[[nodiscard]] std::vector<PreflightFinding> preflightModel(const Checkpoint& model, const QuantRequest& request,
                                                           const std::vector<PreflightLayer>& layers,
                                                           const std::vector<ScaleType>& scaleTypes);

/// Whether the model's linear layers are stored in BF16: its loaders keep scales in BF16, too.
[[nodiscard]] bool hasBf16Weights(const Checkpoint& model);

/// "inputs are no multiple of the group size …", or nothing.
[[nodiscard]] std::string groupFault(const PreflightLayer& layer);

/// What the fused kernels of vLLM want of a 4 or 8 bit layer's shape and group size.
[[nodiscard]] std::string fusedKernelAdvice(const PreflightLayer& layer);

}  // namespace qs
