#pragma once

#include "core/base/error.h"

namespace qs::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInput = 3;
inline constexpr int kExitInterrupted = 130;

[[nodiscard]] constexpr int exitStatusOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Request:
      return kExitUsage;
    case ErrorKind::Input:
      return kExitInput;
    case ErrorKind::Failed:
      return kExitFailed;
  }
  return kExitFailed;
}

}  // namespace qs::cli
