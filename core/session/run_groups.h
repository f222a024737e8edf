#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/session/quant_request.h"

namespace qs {

/// One layer of a run: its tensor and what to do with it.
struct PlannedLayer {
  const CheckpointTensor* tensor = nullptr;
  std::string name;
  Shape shape;  ///< [out, in]
  LayerPlan plan;
};

/// Layers that one call of a method gets: they read the same input and have the same settings.
struct RunGroup {
  std::vector<PlannedLayer> layers;
  bool mayScaleInput = true;  ///< false where the operation before can't take an input scale

  [[nodiscard]] std::size_t inputs() const { return static_cast<std::size_t>(layers.front().shape[1]); }
  [[nodiscard]] std::uint64_t elements() const;
};

/// Throws Error (Request) where a glob of the request names no layer, or the request chooses none, or skips all that it
/// chooses.
void requireLayersToQuantize(const Checkpoint& model, const QuantRequest& request);

/// A name that layers share exactly when they read the same input, where the architecture doesn't say; unique for a
/// layer that shares it with none. By the request's globs (within one block), else by the rule of the command line:
/// same parent name, same width, suffixes {q,k,v}_proj or {gate,up}_proj.
[[nodiscard]] std::string sharedInputKey(const QuantRequest& request, std::string_view layer, std::uint64_t inputs);

/// The layers that the request chooses and doesn't skip, grouped, in model order. Layers share a group only where the
/// method gains by it: it scales inputs, or there is calibration. Throws Error (Request).
[[nodiscard]] std::vector<RunGroup> planGroups(const Checkpoint& model, const QuantRequest& request);

}  // namespace qs
