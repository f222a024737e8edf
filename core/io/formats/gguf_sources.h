#pragma once

#include <cstddef>
#include <memory>

#include "core/io/checkpoint.h"
#include "core/io/mapped_file.h"

namespace qs {

/// A tensor stored as GGUF blocks, decoded block by block when read.
[[nodiscard]] std::shared_ptr<const TensorSource> blockSource(std::shared_ptr<const MappedFile> file, DType type,
                                                              std::span<const std::byte> bytes);

/// q or k rows [rows, cols] with each head's interleaved rotary pairs turned back into halves: row r of a head of D
/// rows comes from row 2r (r < D/2) or 2(r − D/2) + 1. Biases are one column.
[[nodiscard]] std::shared_ptr<const TensorSource> unpermutedSource(std::shared_ptr<const TensorSource> source,
                                                                   std::size_t rows, std::size_t cols,
                                                                   std::size_t heads);

/// A stored [rows, cols] matrix seen as [cols, rows].
[[nodiscard]] std::shared_ptr<const TensorSource> transposedSource(std::shared_ptr<const TensorSource> source,
                                                                   std::size_t rows, std::size_t cols);

/// Every value less one.
[[nodiscard]] std::shared_ptr<const TensorSource> minusOneSource(std::shared_ptr<const TensorSource> source);

}  // namespace qs
