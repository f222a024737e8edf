#pragma once

#include <hwy/targets.h>

#include <cstdint>
#include <functional>

namespace qs::test {

/// Calls `body` with each vector target of this machine in force, the baseline included.
inline void onEveryTarget(const std::function<void(std::int64_t target)>& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    body(target);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// Whether multiply and add are one operation there: what is summed in F32 with it differs from the baseline's in the
/// last bits.
inline bool hasMultiplyAdd(std::int64_t target) { return target < HWY_SSE4; }

}  // namespace qs::test
