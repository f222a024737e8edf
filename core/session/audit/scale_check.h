#pragma once

#include <optional>
#include <string>

#include "core/session/audit/opened_pair.h"

namespace qs {

/// Says where a tensor has NaN or infinite scales, or scales of zero where the original is not negligible; nothing
/// where all are sound. Without codes at hand it judges by the decoded values, in runs of `block` inputs.
[[nodiscard]] std::optional<std::string> badScales(const OpenedPair& pair, std::size_t block,
                                                   const RunContext& context);

/// Says where the scales of a layer that can't be decoded are shaped as if its groups ran along the outputs, or were
/// laid out the other way round; nothing where its scales explain nothing.
[[nodiscard]] std::optional<std::string> turnedGroups(const CheckpointTensor& quantized);

}  // namespace qs
