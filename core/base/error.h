#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace qs {

/// What went wrong, as far as a caller has to tell it apart; the command line turns it into its exit status.
enum class ErrorKind {
  Request,  ///< settings or arguments that can't be carried out (exit status 2)
  Input,    ///< an input file is missing, malformed or not supported (exit status 3)
  Failed,   ///< the work itself failed (exit status 1)
};

/// The one exception type for bad input. `what()` reads "subject: reason"; the subject names file, tensor or setting.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string subject, std::string reason);

  [[nodiscard]] ErrorKind kind() const noexcept { return m_kind; }
  [[nodiscard]] const std::string& subject() const noexcept { return m_subject; }
  [[nodiscard]] const std::string& reason() const noexcept { return m_reason; }

 private:
  ErrorKind m_kind;
  std::string m_subject;
  std::string m_reason;
};

[[nodiscard]] Error requestError(std::string subject, std::string reason);
[[nodiscard]] Error inputError(std::string subject, std::string reason);
[[nodiscard]] Error failedError(std::string subject, std::string reason);

/// An input error in the form "field: expected …, got …".
[[nodiscard]] Error mismatchError(std::string subject, std::string_view field, std::string_view expected,
                                  std::string_view got);

/// Thrown where work stops because its RunContext was asked to stop. Not an Error: nothing is wrong.
struct Cancelled {};

}  // namespace qs
