#pragma once

namespace qs {

/// Gives back to the system what large_allocations.cpp has kept since before the last call, and nobody has asked for.
/// Called now and then, a program at rest holds nothing, and one at work keeps what it works with.
void freeIdleMemory();

}  // namespace qs
