#pragma once

#include <string>

namespace qs {

// Numbers as texts that are the same in every locale: what goes into files and reports.

/// The shortest text that reads back as the same number; "" for NaN and infinity.
[[nodiscard]] std::string exactText(double value);
/// As above, of an F32 number.
[[nodiscard]] std::string exactText(float value);
/// `digits` significant digits, at most 32; "" for NaN, "inf" for infinity.
[[nodiscard]] std::string roundedText(double value, int digits);
/// `decimals` digits behind the point, at most 32; "" for NaN, "inf" for infinity.
[[nodiscard]] std::string fixedText(double value, int decimals);

}  // namespace qs
