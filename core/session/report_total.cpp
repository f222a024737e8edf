#include "core/base/error.h"
#include "core/session/quant_report.h"

namespace qs {

ReportTotal totalOf(const std::vector<LayerReportPtr>& layers) {
  ReportTotal total;
  double relativeErrors = 0;
  double outputErrors = 0;
  std::size_t finished = 0;
  std::size_t withOutput = 0;
  for (const LayerReportPtr& layer : layers) {
    if (!layer->error.empty()) {
      ++total.failedLayers;
      continue;
    }
    ++finished;
    total.parameters += elementCount(layer->shape).value_or(0);
    total.originalBytes += layer->originalBytes;
    total.quantizedBytes += layer->quantizedBytes;
    total.seconds += layer->seconds;
    relativeErrors += layer->metrics.weightRelativeError;
    if (layer->metrics.outputRelativeError) {
      ++withOutput;
      outputErrors += *layer->metrics.outputRelativeError;
    }
  }
  if (total.parameters > 0)
    total.bitsPerWeight = 8.0 * static_cast<double>(total.quantizedBytes) / static_cast<double>(total.parameters);
  if (finished > 0) total.meanWeightRelativeError = relativeErrors / static_cast<double>(finished);
  if (withOutput > 0) total.meanOutputRelativeError = outputErrors / static_cast<double>(withOutput);
  return total;
}

void requireAllLayers(const QuantReport& report) {
  for (const LayerReportPtr& layer : report.layers) {
    if (layer->error.empty()) continue;
    std::string reason = layer->error;
    if (report.total.failedLayers > 1)
      reason += " (and " + std::to_string(report.total.failedLayers - 1) + " more layers failed)";
    throw Error(layer->errorKind == ErrorKind::Input ? ErrorKind::Input : ErrorKind::Failed,
                reason.find(layer->name) == std::string::npos ? "layer '" + layer->name + "'" : "", reason);
  }
}

}  // namespace qs
