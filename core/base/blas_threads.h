#pragma once

namespace qs {

/// Tells OpenBLAS to run each call on the calling thread: the parallelism is ours, around it. Cheap after the first
/// call. inWorkerArena does it; whoever calls BLAS outside an arena does it first.
void useOneBlasThread();

}  // namespace qs
