#include "core/quant/method_info.h"

namespace qs {

const ParamSpec* MethodInfo::parameter(std::string_view key) const {
  for (const ParamSpec& spec : parameters)
    if (spec.key == key) return &spec;
  return nullptr;
}

}  // namespace qs
