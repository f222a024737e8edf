#include "core/session/activation_provider.h"

#include "core/base/error.h"

namespace qs {

std::unique_ptr<ActivationProvider> makeActivationProvider(const Checkpoint& model, const QuantRequest& request) {
  static_cast<void>(model);
  if (!hasCalibration(request)) return nullptr;
  throw requestError("calibration", "needs the activation reader");
}

}  // namespace qs
