#include "tests/support/comma_locale.h"

#include <clocale>
#include <cstdlib>

namespace qs::test {

CommaLocale::CommaLocale() : m_before(std::setlocale(LC_NUMERIC, nullptr)) {
  const std::string definition =
      m_folder.write("definition", "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n")
          .string();
  const std::string folder = m_folder.path().string();
  // Its status only tells that the other categories are missing.
  const std::string command = "localedef -c -i '" + definition + "' '" + folder + "/comma' > /dev/null 2>&1";
  if (std::system(command.c_str()) == -1) return;
  ::setenv("LOCPATH", folder.c_str(), 1);
  m_isSet = std::setlocale(LC_NUMERIC, "comma") != nullptr && *std::localeconv()->decimal_point == ',';
}

CommaLocale::~CommaLocale() {
  std::setlocale(LC_NUMERIC, m_before.c_str());
  ::unsetenv("LOCPATH");
}

}  // namespace qs::test
