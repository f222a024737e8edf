#include "core/base/blas_threads.h"

#include <cblas.h>

namespace qs {

void useOneBlasThread() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace qs
