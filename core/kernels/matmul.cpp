#include "core/kernels/matmul.h"

#include <cassert>

#include <cblas.h>

#include "core/base/blas_threads.h"

namespace qs {

namespace {

blasint size(std::size_t n) { return static_cast<blasint>(n); }

}  // namespace

void multiplyTransposed(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate) {
  assert(a.cols == b.cols && c.rows == a.rows && c.cols == b.rows);
  if (c.rows == 0 || c.cols == 0) return;
  useOneBlasThread();
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size(a.rows), size(b.rows), size(a.cols), 1.0F, a.data,
              size(a.stride), b.data, size(b.stride), accumulate ? 1.0F : 0.0F, c.data, size(c.stride));
}

void multiplyTransposed(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate) {
  assert(a.cols == b.cols && c.rows == a.rows && c.cols == b.rows);
  if (c.rows == 0 || c.cols == 0) return;
  useOneBlasThread();
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size(a.rows), size(b.rows), size(a.cols), 1.0, a.data,
              size(a.stride), b.data, size(b.stride), accumulate ? 1.0 : 0.0, c.data, size(c.stride));
}

void multiply(Block<const float> a, Block<const float> b, Block<float> c) {
  assert(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols);
  if (c.rows == 0 || c.cols == 0) return;
  useOneBlasThread();
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size(a.rows), size(b.cols), size(a.cols), 1.0F, a.data,
              size(a.stride), b.data, size(b.stride), 0.0F, c.data, size(c.stride));
}

void multiply(Block<const double> a, Block<const double> b, Block<double> c) {
  assert(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols);
  if (c.rows == 0 || c.cols == 0) return;
  useOneBlasThread();
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size(a.rows), size(b.cols), size(a.cols), 1.0, a.data,
              size(a.stride), b.data, size(b.stride), 0.0, c.data, size(c.stride));
}

void multiplyByTransposed(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate) {
  assert(a.rows == b.rows && c.rows == a.cols && c.cols == b.cols);
  if (c.rows == 0 || c.cols == 0) return;
  useOneBlasThread();
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, size(a.cols), size(b.cols), size(a.rows), 1.0F, a.data,
              size(a.stride), b.data, size(b.stride), accumulate ? 1.0F : 0.0F, c.data, size(c.stride));
}

void multiplyByTransposed(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate) {
  assert(a.rows == b.rows && c.rows == a.cols && c.cols == b.cols);
  if (c.rows == 0 || c.cols == 0) return;
  useOneBlasThread();
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, size(a.cols), size(b.cols), size(a.rows), 1.0, a.data,
              size(a.stride), b.data, size(b.stride), accumulate ? 1.0 : 0.0, c.data, size(c.stride));
}

}  // namespace qs
