#pragma once

#include <memory>
#include <optional>

#include "core/io/checkpoint.h"
#include "core/model/architecture_spec.h"
#include "core/model/model_config.h"

namespace qs {

/// Describes an opened model as a decoder that can be run: parses its config.json, finds the tensors' names, and
/// compares every claimed size with the tensors present. Throws Error (Input): config.json missing, architecture or
/// rope type not supported, a tensor missing or of another shape.
[[nodiscard]] ArchitectureSpec loadArchitecture(const Checkpoint& model);

/// As loadArchitecture, where a model that can't be run is normal: absent then, with the reason in `whyNot`.
[[nodiscard]] std::optional<ArchitectureSpec> tryArchitecture(const Checkpoint& model, std::string* whyNot = nullptr);

/// Compares the sizes of all tensors that the runner will read with the spec. Throws Error (Input) naming the tensor.
void checkTensors(const ArchitectureSpec& spec, const Checkpoint& model);

}  // namespace qs
