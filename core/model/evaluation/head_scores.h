#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/model/runner/transformer_runner.h"

namespace qs {

/// What the head says at one position, without its logits.
struct PositionScore {
  double nll = 0;           ///< −ln p(target); 0 where nothing is predicted
  double referenceNll = 0;  ///< of the reference
  double divergence = 0;    ///< KL(reference ‖ model), nats
  bool agrees = false;      ///< both models put the same token first
};

/// A model's head with the rows that it reads.
struct HeadRowsOf {
  const TransformerRunner* runner = nullptr;
  MatrixView inputs;  ///< [positions, head.in]
};

/// Scores every position against its target (−1: none), and against the reference where one is given (the same rows of
/// the same text; equal vocabularies). Logits exist only in tiles of positions × vocabulary; the head's weights are
/// read once, tile by tile. Throws Error (Failed) when a score is not finite, (Request) for different vocabularies.
[[nodiscard]] std::vector<PositionScore> scorePositions(const HeadRowsOf& model, const HeadRowsOf& reference,
                                                        std::span<const int> targets, const RunContext& context);

}  // namespace qs
