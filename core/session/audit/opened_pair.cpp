#include "core/session/audit/opened_pair.h"

#include <algorithm>

#include "core/session/linear_weights.h"

namespace qs {

namespace {

Shape turned(Shape shape) {
  std::ranges::reverse(shape);
  return shape;
}

// Rows straight from the codes, so that nobody's release() of the source costs anything.
TensorRows decodedRows(const std::shared_ptr<const QuantizedTensor>& codes) {
  return {codes->rows, codes->cols, [codes](std::size_t row, std::span<float> out) {
            dequantizeRows(*codes, row, {out.data(), 1, out.size()});
          }};
}

bool isVector(const Shape& shape) {
  return std::ranges::count_if(shape, [](std::uint64_t size) { return size != 1; }) <= 1;
}

}  // namespace

bool hasComparableShapes(const Checkpoint& original, const TensorPair& pair) {
  const TensorInfo& expected = pair.original->info;
  const TensorInfo& got = pair.quantized->info;
  if (expected.shape == got.shape) return true;
  if (isStoredTransposed(original, expected)) return turned(expected.shape) == got.shape;
  return expected.elements == got.elements && isVector(expected.shape) && isVector(got.shape);
}

OpenedPair openPair(const Checkpoint& original, const TensorPair& pair, const RunContext& context) {
  const bool isTurned = pair.original->info.shape != pair.quantized->info.shape;
  OpenedPair opened{rowsOf(*pair.original), rowsOf(*pair.quantized), pair.quantized->source->quantized()};
  if (opened.codes != nullptr) opened.decoded = decodedRows(opened.codes);
  if (!isStoredTransposed(original, pair.original->info)) return opened;
  // Packed formats hold [out, in]; plainly stored weights and GGUF's show the original's [in, out].
  opened.original = transposedRows(opened.original, context);
  if (!isTurned && opened.codes == nullptr) opened.decoded = transposedRows(opened.decoded, context);
  return opened;
}

void release(const TensorPair& pair) {
  if (pair.original != nullptr) pair.original->source->release();
  if (pair.quantized != nullptr) pair.quantized->source->release();
}

}  // namespace qs
