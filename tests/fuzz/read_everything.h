#pragma once

#include "core/io/checkpoint.h"

namespace qs::test {

/// Reads the first and the last values of every tensor. Throws what reading throws.
void readEverything(const Checkpoint& model);

}  // namespace qs::test
