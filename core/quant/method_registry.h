#pragma once

#include <span>
#include <string_view>

#include "core/quant/method_info.h"

namespace qs {

/// Every method, in the order in which they are shown.
[[nodiscard]] std::span<const MethodInfo> allMethods();
/// The method of that id, or null.
[[nodiscard]] const MethodInfo* findMethod(std::string_view id);
/// As findMethod; throws Error (Request) that lists the known ids.
[[nodiscard]] const MethodInfo& requireMethod(std::string_view id);

}  // namespace qs
