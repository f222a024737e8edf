#pragma once

#include <QString>

#include "ui/jobs/job_error.h"
#include "ui/support/user_message.h"

namespace qs {

/// The message of an error: what could not be done, why (naming the file, tensor or setting), and the next step.
[[nodiscard]] UserMessage errorMessage(const QString& what, const JobError& error);

}  // namespace qs
