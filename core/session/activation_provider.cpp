#include "core/session/activation_provider.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/quant/method_registry.h"
#include "core/quant/training_start.h"
#include "core/session/model_activations.h"
#include "core/session/sequential_activations.h"

namespace qs {

namespace {

constexpr std::size_t kBatchRows = 64;            // one batch of the moving-average observer
constexpr std::uint64_t kWholeSampleRows = 4096;  // up to here the sample is all rows

bool mayNeedGram(const QuantRequest& request) {
  const auto needsGram = [](const MethodInfo& method, const Settings& settings) {
    return needsCalibration(method, settings) && !method.quantizesActivations;
  };
  return needsGram(requireMethod(request.method), request.settings) ||
         std::any_of(request.overrides.begin(), request.overrides.end(), [&](const LayerOverride& change) {
           return !change.method.empty() && needsGram(requireMethod(change.method), change.settings);
         });
}

bool matchesOriginal(const QuantRequest& request) {
  constexpr const char* kKey = "match_original";
  const auto matches = [](const MethodInfo& method, const Settings& settings) {
    return method.parameter(kKey) != nullptr && resolveSettings(method, settings).flag(kKey);
  };
  return request.calibration.sequential && request.calibration.runModel &&
         (matches(requireMethod(request.method), request.settings) ||
          std::any_of(request.overrides.begin(), request.overrides.end(), [&](const LayerOverride& change) {
            const MethodInfo& method = requireMethod(change.method.empty() ? request.method : change.method);
            return matches(method, change.settings);
          }));
}

/// `<layer>.input` tensors of a file, as `calibrate` writes it.
class ActivationsFile : public ActivationProvider {
 public:
  explicit ActivationsFile(const QuantRequest& request)
      : m_file(openCheckpoint(request.calibration.activationsFile)), m_request(request) {}

  std::shared_ptr<const ActivationStats> statsFor(std::span<const std::string> layers, std::size_t inputs,
                                                  const RunContext& context) override {
    const CheckpointTensor* tensor = nullptr;
    for (const std::string& layer : layers)
      if (tensor == nullptr) tensor = m_file->find(layer + ".input");
    if (tensor == nullptr) return nullptr;
    const std::string subject = m_file->path().string() + ", tensor '" + tensor->info.name + "'";
    const Shape& shape = tensor->info.shape;
    if (shape.size() != 2 || shape[1] != inputs)
      throw mismatchError(subject, "shape", "[tokens, " + std::to_string(inputs) + "]", toText(shape));
    try {
      return accumulate(*tensor, inputs, context);
    } catch (const Error& error) {
      throw inputError(subject, error.reason());
    }
  }

 private:
  [[nodiscard]] std::shared_ptr<const ActivationStats> accumulate(const CheckpointTensor& tensor, std::size_t inputs,
                                                                  const RunContext& context) const {
    const std::uint64_t rows = tensor.info.shape[0];
    ActivationAccumulator accumulator(tensor.info.name, inputs, activationOptionsOf(m_request, rows, inputs));
    for (std::uint64_t first = 0; first < rows; first += kBatchRows) {
      context.throwIfStopped();
      Matrix batch(static_cast<std::size_t>(std::min<std::uint64_t>(kBatchRows, rows - first)), inputs);
      tensor.source->read(first * inputs, batch.values());
      accumulator.add(batch.view(), context);
    }
    tensor.source->release();
    return std::make_shared<const ActivationStats>(accumulator.take(context));
  }

  std::shared_ptr<const Checkpoint> m_file;
  QuantRequest m_request;
};

}  // namespace

ActivationOptions activationOptionsOf(const QuantRequest& request, std::uint64_t rows, std::size_t inputs) {
  const bool rowsSuffice = rows <= std::min<std::uint64_t>(kWholeSampleRows, 2 * inputs);
  return {.gram = mayNeedGram(request) || !rowsSuffice,
          .drift = matchesOriginal(request),
          .holdOutEvery = static_cast<std::size_t>(request.calibration.holdOutEvery)};
}

std::unique_ptr<ActivationProvider> makeActivationProvider(const Checkpoint& model, const QuantRequest& request) {
  if (!request.calibration.activationsFile.empty()) return std::make_unique<ActivationsFile>(request);
  if (!request.calibration.runModel) return nullptr;
  if (request.calibration.sequential) return std::make_unique<SequentialActivations>(model, request);
  return std::make_unique<ModelActivations>(model, request);
}

}  // namespace qs
