#include "core/kernels/matmul.h"

#include <cassert>

#include "core/kernels/product_simd.h"

namespace qs {

namespace {

// Rows are the outputs' index.
template <typename T>
simd::Factor<T> byRows(Block<const T> block) {
  return {block.data, block.rows, block.stride, 1};
}
// Columns are.
template <typename T>
simd::Factor<T> byColumns(Block<const T> block) {
  return {block.data, block.cols, 1, block.stride};
}

simd::Into into(bool accumulate) { return accumulate ? simd::Into::Add : simd::Into::Replace; }

}  // namespace

void multiplyTransposed(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate) {
  assert(a.cols == b.cols && c.rows == a.rows && c.cols == b.rows);
  simd::product(byRows(a), byRows(b), a.cols, c.data, c.stride, into(accumulate), false);
}

void multiplyTransposed(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate) {
  assert(a.cols == b.cols && c.rows == a.rows && c.cols == b.rows);
  simd::product(byRows(a), byRows(b), a.cols, c.data, c.stride, into(accumulate), false);
}

void multiply(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate) {
  assert(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols);
  simd::product(byRows(a), byColumns(b), a.cols, c.data, c.stride, into(accumulate), false);
}

void multiply(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate) {
  assert(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols);
  simd::product(byRows(a), byColumns(b), a.cols, c.data, c.stride, into(accumulate), false);
}

void multiplyByTransposed(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate) {
  assert(a.rows == b.rows && c.rows == a.cols && c.cols == b.cols);
  simd::product(byColumns(a), byColumns(b), a.rows, c.data, c.stride, into(accumulate), false);
}

void multiplyByTransposed(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate) {
  assert(a.rows == b.rows && c.rows == a.cols && c.cols == b.cols);
  simd::product(byColumns(a), byColumns(b), a.rows, c.data, c.stride, into(accumulate), false);
}

}  // namespace qs
