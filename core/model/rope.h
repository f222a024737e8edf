#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/model/config_fields.h"

namespace qs {

/// How a config.json describes rotary position embeddings: `rope_theta`, `rope_scaling` and, in newer files,
/// `rope_parameters`.
struct RopeConfig {
  std::string type = "default";  ///< default, linear, dynamic, llama3 or longrope
  double theta = 10000.0;
  double partialFactor = 1.0;  ///< share of the head's dimensions that rotate
  double factor = 1.0;
  double lowFrequencyFactor = 1.0;   ///< llama3
  double highFrequencyFactor = 4.0;  ///< llama3
  std::size_t originalContext = 0;   ///< llama3, longrope: positions that the model was first trained for
  double attentionFactor = 1.0;      ///< longrope: factor on cos and sin
  std::vector<double> shortFactors;  ///< longrope [rotated dims / 2]
  std::vector<double> longFactors;

  bool operator==(const RopeConfig&) const = default;
};

/// Rotary embeddings ready to use. Frequencies are in radians a position; the head's dimension i turns with dimension
/// i + dims/2 (the half-split layout).
struct RopeSpec {
  std::size_t dims = 0;             ///< leading dimensions of a head that rotate
  std::vector<double> frequencies;  ///< [dims / 2]
  std::size_t longBeyond = 0;       ///< sequences longer than this use longFrequencies; 0 = never
  std::vector<double> longFrequencies;
  double attentionFactor = 1.0;

  bool operator==(const RopeSpec&) const = default;
};

/// Reads the keys. Throws Error (Input) for a rope type that isn't supported, naming it.
[[nodiscard]] RopeConfig parseRope(const ConfigFields& fields, double defaultTheta, double defaultPartial,
                                   std::size_t contextLength);

/// Frequencies for heads of `headDim` (llama3 scaling as in Llama 3.1's reference code; longrope as in Phi-3's).
/// `subject` names the file in messages.
[[nodiscard]] RopeSpec makeRope(const RopeConfig& config, std::size_t headDim, const std::string& subject);

}  // namespace qs
