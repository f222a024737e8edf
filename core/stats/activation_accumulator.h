#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/stats/activation_stats.h"
#include "core/stats/row_sample.h"
#include "core/tensor/matrix.h"

namespace qs {

struct ActivationOptions {
  bool gram = true;              ///< without it GPTQ, AWQ on long inputs and QAT can't run; saves in² doubles
  bool drift = false;            ///< rows come with what the unquantized model gives in their place
  std::size_t holdOutEvery = 0;  ///< keep every Nth row out of calibration; 0 = none, else at least 2
};

/// Gathers the ActivationStats of one layer's inputs in one streaming pass. Memory: in² doubles, twice with drift, a
/// block of 1,024 rows, and samples of at most 4,096 rows. Not thread-safe; uses the threads of the arena at work, and
/// the result doesn't depend on their number, nor (but for the batch ranges) on how the rows are cut into batches.
class ActivationAccumulator {
 public:
  /// `layer` is named in errors. Throws Error (Request) where holdOutEvery is 1.
  ActivationAccumulator(std::string layer, std::size_t channels, ActivationOptions options = {});

  /// Adds a batch of rows [tokens, channels]. Throws Error (Input) that names the layer where the width differs, or the
  /// row and the channel where a value isn't finite (nothing of the batch is added then); Cancelled (the accumulator is
  /// then of no further use).
  void add(MatrixView rows, const RunContext& context = {});

  /// The same with `originals`, the rows of the unquantized model [tokens, channels], for the drift.
  void add(MatrixView rows, MatrixView originals, const RunContext& context);

  /// Calibrating rows so far.
  [[nodiscard]] std::uint64_t tokens() const { return m_tokens; }

  /// The statistics of all rows added; leaves the accumulator empty. Throws Error (Input) where no row calibrated.
  [[nodiscard]] ActivationStats take(const RunContext& context = {});

 private:
  void requireUsable(MatrixView rows) const;
  void addRow(std::span<const float> row, std::span<const float> original, const RunContext& context);
  void flush(const RunContext& context);
  void addChannelStats(MatrixView rows, const RunContext& context);

  std::string m_layer;
  std::size_t m_channels;
  ActivationOptions m_options;
  std::uint64_t m_rowsSeen = 0;
  std::uint64_t m_tokens = 0;
  Matrix m_block;  // calibrating rows that wait for their Gram product
  Matrix m_drift;  // original less calibrating row, where that is asked for
  std::size_t m_blockRows = 0;
  std::vector<double> m_absSums;
  RowSample m_sample;
  RowSample m_heldOut;
  ActivationStats m_stats;
};

}  // namespace qs
