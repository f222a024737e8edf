#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/model/architecture_spec.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

// Folding SmoothQuant's and AWQ's input scales into the operation before (arXiv 2211.10438, 2306.00978): what a layer
// multiplies is W·diag(s), so what it reads has to be divided by s. Exporters and the model runner use the same folds.

/// How one tensor changes.
struct InputScaleFold {
  /// Norm (w/s), or Gemma's norm, stored as w with 1 + w in use: (1 + w)/s − 1; or rows of a linear's weight, or a
  /// bias.
  enum class Kind { Elements, ElementsPlusOne, Rows };
  Kind kind = Kind::Elements;
  std::vector<float> divisors;  ///< one an element of a vector, or a row of a linear [out]; 1 where nothing changes
};

/// Folds by tensor name ("…input_layernorm.weight", "…up_proj.weight", "…up_proj.bias").
using InputScaleFolds = std::map<std::string, InputScaleFold>;

/// A layer's input scale, or empty where it has none.
using InputScaleOf = std::function<std::vector<float>(const std::string& layer)>;

/// All folds that the layers' input scales ask for. Throws Error (Failed) naming a layer whose scale can't be folded or
/// differs from that of a layer that reads the same input; runQuantization() makes no such scales where the
/// architecture is known.
[[nodiscard]] InputScaleFolds foldInputScales(const ArchitectureSpec& spec, const InputScaleOf& inputScaleOf);

/// A vector's values after folding.
void applyFold(const InputScaleFold& fold, std::span<float> values);
/// A linear's rows firstRow..firstRow+rows.rows-1 [.., in] after folding.
void applyFoldToRows(const InputScaleFold& fold, std::size_t firstRow, MatrixSpan rows);
/// A quantized linear after folding: its scales change, its codes don't. Throws Error (Failed) where one scale covers
/// several rows, or the scales are stored quantized themselves.
void applyFoldToScales(const InputScaleFold& fold, const std::string& layer, QuantizedTensor& tensor);

}  // namespace qs
