#pragma once

#include <charconv>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

namespace qs::cli {

/// What an option takes that is a whole number: decimals only ("0x10" is none, "010" is 10), from `least` to `most`.
/// To be given to CLI::Option::transform().
template <typename Number>
[[nodiscard]] CLI::Validator wholeNumber(Number least, Number most) {
  const std::string range = std::to_string(least) + " to " + std::to_string(most);
  return {[least, most, range](std::string& text) -> std::string {
            Number number{};
            const char* const end = text.data() + text.size();
            const auto result = std::from_chars(text.data(), end, number);
            if (result.ec != std::errc{} || result.ptr != end || number < least || number > most)
              return "expected a whole number from " + range + ", got '" + text + "'";
            text = std::to_string(number);
            return {};
          },
          range};
}

}  // namespace qs::cli
