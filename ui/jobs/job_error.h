#pragma once

#include <QString>
#include <exception>

#include "core/base/error.h"

namespace qs {

/// An error of a job as a value: what it concerns and why.
struct JobError {
  ErrorKind kind = ErrorKind::Failed;
  QString subject;
  QString reason;
};

/// The error of an exception; out of memory and others are failures of the work.
[[nodiscard]] JobError toJobError(const std::exception& error);

}  // namespace qs
