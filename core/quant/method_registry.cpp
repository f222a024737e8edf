#include "core/quant/method_registry.h"

#include "core/base/error.h"

namespace qs {

// Each is defined in methods/<method>.cpp.
MethodInfo rtnMethod();
MethodInfo int8DynamicMethod();
MethodInfo int8StaticMethod();
MethodInfo smoothquantMethod();
MethodInfo gptqMethod();
MethodInfo awqMethod();
MethodInfo qatMethod();
MethodInfo qatModelMethod();
MethodInfo hqqMethod();
MethodInfo nf4Method();
MethodInfo mxfp4Method();
MethodInfo fp8Method();

std::span<const MethodInfo> allMethods() {
  static const std::vector<MethodInfo> methods = {
      rtnMethod(), int8DynamicMethod(), int8StaticMethod(), smoothquantMethod(), gptqMethod(),  awqMethod(),
      qatMethod(), qatModelMethod(),    hqqMethod(),        nf4Method(),         mxfp4Method(), fp8Method(),
  };
  return methods;
}

const MethodInfo* findMethod(std::string_view id) {
  for (const MethodInfo& method : allMethods())
    if (method.id == id) return &method;
  return nullptr;
}

const MethodInfo& requireMethod(std::string_view id) {
  if (const MethodInfo* method = findMethod(id)) return *method;
  std::string known;
  for (const MethodInfo& method : allMethods()) known += (known.empty() ? "" : ", ") + method.id;
  throw requestError("method", "\"" + std::string(id) + "\" is not known; known are: " + known);
}

}  // namespace qs
