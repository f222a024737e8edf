#include "core/base/error.h"

#include <utility>

namespace qs {

Error::Error(ErrorKind kind, std::string subject, std::string reason)
    : std::runtime_error(subject.empty() ? reason : subject + ": " + reason),
      m_kind(kind),
      m_subject(std::move(subject)),
      m_reason(std::move(reason)) {}

Error requestError(std::string subject, std::string reason) {
  return {ErrorKind::Request, std::move(subject), std::move(reason)};
}

Error inputError(std::string subject, std::string reason) {
  return {ErrorKind::Input, std::move(subject), std::move(reason)};
}

Error failedError(std::string subject, std::string reason) {
  return {ErrorKind::Failed, std::move(subject), std::move(reason)};
}

Error mismatchError(std::string subject, std::string_view field, std::string_view expected, std::string_view got) {
  std::string reason(field);
  reason.append(": expected ").append(expected).append(", got ").append(got);
  return inputError(std::move(subject), std::move(reason));
}

}  // namespace qs
