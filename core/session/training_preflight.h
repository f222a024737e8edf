#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/run_context.h"
#include "core/model/architecture_spec.h"
#include "core/train/training_options.h"

namespace qs {

/// What training a model takes, either way.
struct TrainingNeeds {
  std::uint64_t wholeBytes = 0;
  std::uint64_t blockBytes = 0;  ///< block by block
  double wholeSeconds = 0;
  double blockSeconds = 0;
};

/// Sizes of a training.
struct TrainingSize {
  std::uint64_t trainedWeights = 0;  ///< of the linears that are quantized
  std::uint64_t largestBlock = 0;    ///< of them, in one block
  std::uint64_t allWeights = 0;      ///< of the model, embedding and head included
  std::uint64_t headWeights = 0;
  std::size_t windowLength = 0;
  std::size_t windows = 0;
};

/// Memory and time of a training; `multiplyAdds` is the machine's rate, a second.
[[nodiscard]] TrainingNeeds needsOf(const ArchitectureSpec& spec, const TrainingSize& size,
                                    const TrainingOptions& options, double multiplyAdds);

/// Multiply-adds a second of this machine's matrix products in F32, on all threads that the context has; takes about a
/// tenth of a second.
[[nodiscard]] double measureMultiplyAdds(const RunContext& context);
/// Bytes that programs may still take without swapping; 0 where the system doesn't tell.
[[nodiscard]] std::uint64_t availableMemory();

enum class TrainingForm { Whole, Blocks };
/// What is chosen of "auto", "whole" and "blocks", given the memory that is free. Throws Error (Request) that says what
/// would be needed where it doesn't fit.
[[nodiscard]] TrainingForm chooseForm(const std::string& wanted, const TrainingNeeds& needs, std::uint64_t available);
/// "whole model: 0.4 GB, about 5 min; block by block: …", with what was chosen.
[[nodiscard]] std::string describe(const TrainingNeeds& needs, TrainingForm chosen);

}  // namespace qs
