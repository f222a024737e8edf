#pragma once

#include <string>

#include "tests/support/temp_folder.h"

namespace qs::test {

/// While it lives, C's functions write numbers with a comma, as in the window of a German desktop.
class CommaLocale {
 public:
  CommaLocale();
  ~CommaLocale();
  CommaLocale(const CommaLocale&) = delete;
  CommaLocale& operator=(const CommaLocale&) = delete;
  CommaLocale(CommaLocale&&) = delete;
  CommaLocale& operator=(CommaLocale&&) = delete;

  /// False where the machine can't make such a locale.
  [[nodiscard]] bool isSet() const { return m_isSet; }

 private:
  TempFolder m_folder;
  std::string m_before;
  bool m_isSet = false;
};

}  // namespace qs::test
