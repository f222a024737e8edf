#include "ui/controllers/error_message.h"

#include <QCoreApplication>

namespace qs {
namespace {

QString translate(const char* text) { return QCoreApplication::translate("ErrorMessage", text); }

QString nextStep(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Request:
      return translate("Change that setting and try again.");
    case ErrorKind::Input:
      return translate("Check the file, or choose another one.");
    case ErrorKind::Failed:
      return translate("Check free space and permissions, then try again.");
  }
  return {};
}

}  // namespace

UserMessage errorMessage(const QString& what, const JobError& error) {
  return {.severity = UserMessage::Severity::Error,
          .what = what,
          .why = error.subject + QStringLiteral(": ") + error.reason,
          .whatToDo = nextStep(error.kind)};
}

}  // namespace qs
