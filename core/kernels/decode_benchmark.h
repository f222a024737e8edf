#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/decode_matvec.h"

namespace qs {

/// A linear layer's shape and how often it occurs.
struct DecodeShape {
  std::size_t rows = 0;  ///< out_features
  std::size_t cols = 0;  ///< in_features
  std::size_t count = 1;
};

/// How fast one format decodes, measured on this machine: seconds for one token through all the shapes.
struct DecodeTiming {
  DecodeFormat format = DecodeFormat::F16;
  std::size_t groupSize = 0;  ///< Int4
  double bytesPerToken = 0;   ///< weights, scales and zero points read
  double bestSeconds = 0;
  double medianSeconds = 0;
  double worstSeconds = 0;
  double speedup = 0;     ///< F16's best over this best, in the same run; at most the ratio of bytes
  double speedupLow = 0;  ///< the same in this format's slowest round: F16's best over this worst, at most `speedup`
  /// The measured ratio was above that of bytes, also after more rounds: the F16 kernel ran below its bandwidth, and
  /// `speedup` is only what was reached at least.
  bool cappedAtBytes = false;
};

/// What to measure beside F16, which always is.
struct DecodeVariant {
  DecodeFormat format = DecodeFormat::Int4;
  std::size_t groupSize = 128;
  bool operator==(const DecodeVariant&) const = default;
};

/// Times the decode kernels on these shapes: `repeats` (at least 7) rounds, up to four times as many while a ratio is
/// above that of bytes, the formats interleaved within each round, weights rotated through at least four times the
/// last-level cache, all threads of the context. F16 comes first in the result. Shapes whose inputs a format can't hold
/// (no multiple of its group) are left out for all formats. Throws Cancelled.
[[nodiscard]] std::vector<DecodeTiming> measureDecode(std::span<const DecodeShape> shapes,
                                                      std::span<const DecodeVariant> variants, int repeats,
                                                      const RunContext& context);

/// Bytes of last-level cache that the machine's processors reach: of the caches that they share, not of the whole
/// socket of which they may be a part. 32 MiB where the system doesn't tell.
[[nodiscard]] std::size_t lastLevelCacheBytes();

}  // namespace qs
