#include "ui/jobs/job_error.h"

#include <QCoreApplication>
#include <new>

namespace qs {

JobError toJobError(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const Error*>(&error)) {
    return {ours->kind(), QString::fromStdString(ours->subject()), QString::fromStdString(ours->reason())};
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return {ErrorKind::Failed, QCoreApplication::translate("JobError", "Memory"),
            QCoreApplication::translate("JobError", "there is not enough of it for this work")};
  }
  return {ErrorKind::Failed, QCoreApplication::translate("JobError", "Work"), QString::fromUtf8(error.what())};
}

}  // namespace qs
