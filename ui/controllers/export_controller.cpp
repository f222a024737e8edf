#include "ui/controllers/export_controller.h"

#include <QSaveFile>
#include <algorithm>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/session/model_training.h"
#include "core/session/run_quantization.h"
#include "core/session/trained_checkpoint.h"
#include "ui/controllers/error_message.h"
#include "ui/support/number_format.h"

namespace qs {

namespace {

// A run whose scales the format holds is written as it is; so is a trained one, whose F16 scales every format holds.
QuantRequest requestFor(const FinishedRun& run, const ExporterInfo& exporter) {
  QuantRequest request = run.request;
  if (!trainsModel(request) && std::ranges::find(exporter.scaleTypes, request.scaleType) == exporter.scaleTypes.end())
    request.scaleType = scaleTypeFor(exporter, *run.model);
  return request;
}

std::vector<PreflightFinding> findingsOf(const FinishedRun& run, const ExporterInfo& exporter,
                                         const ExportOptions& options) {
  const QuantRequest request = requestFor(run, exporter);
  std::vector<PreflightFinding> findings;
  try {
    findings = exporter.preflight(*run.model, request, options);
  } catch (const Error& error) {
    return {{.blocking = true, .layer = {}, .message = error.what()}};
  }
  if (request.scaleType != run.request.scaleType)
    findings.push_back({false,
                        {},
                        "the format stores " + toText(request.scaleType) +
                            " scales: the layers are quantized again with them before they are written"});
  return findings;
}

ExportResult writeRun(const FinishedRun& run, const ExporterInfo& exporter, const ExportOptions& options,
                      const RunContext& context) {
  const QuantRequest request = requestFor(run, exporter);
  requireExportable(exporter, *run.model, request, options);
  const auto write = [&](const QuantReport& report, const RunStore& store) {
    const CheckpointPtr model = withTrainedVectors(run.model, store);
    return exporter.write({*model, request, report, store}, options, context);
  };
  if (request == run.request) return write(*run.report, *run.store);
  RunStore store(run.store->folder().parent_path(), *run.model, request);
  const QuantReport report = runQuantization(*run.model, request, store, context);
  for (const LayerReportPtr& layer : report.layers)
    if (!layer->error.empty()) throw failedError("layer '" + layer->name + "'", layer->error);
  return write(report, store);
}

}  // namespace

ExportController::ExportController(QObject* parent) : QObject(parent) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &ExportController::busyChanged);
  connect(&m_runner, &JobRunnerBase::progressPolled, this, &ExportController::progressPolled);
}

void ExportController::preflight(const FinishedRunPtr& run, const QString& exporterId, const ExportOptions& options) {
  m_preflight.start([run, id = exporterId.toStdString(),
                     options](const RunContext&) { return findingsOf(*run, requireExporter(id), options); },
                    [this](const JobOutcome<std::vector<PreflightFinding>>& outcome) {
                      if (outcome.result) Q_EMIT preflightReady(*outcome.result);
                      if (outcome.error)
                        Q_EMIT exportFailed(errorMessage(tr("The export could not be checked"), *outcome.error));
                    });
}

void ExportController::exportRun(const FinishedRunPtr& run, const QString& exporterId, const ExportOptions& options) {
  const QString path = QString::fromStdString(options.path.string());
  m_runner.start([run, id = exporterId.toStdString(),
                  options](const RunContext& context) { return writeRun(*run, requireExporter(id), options, context); },
                 [this, path](const JobOutcome<ExportResult>& outcome) {
                   if (outcome.result)
                     Q_EMIT exported(
                         path, tr("Read back: %1, none differs from what the run promised.")
                                   .arg(number::counted(outcome.result->tensors, tr("1 tensor"), tr("%1 tensors"))));
                   if (outcome.error)
                     Q_EMIT exportFailed(errorMessage(tr("%1 was not written").arg(path), *outcome.error));
                 });
}

void ExportController::exportText(const QString& path, const QByteArray& text) {
  QSaveFile file(path);
  if (file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit()) {
    Q_EMIT exported(path, {});
    return;
  }
  Q_EMIT exportFailed(errorMessage(tr("%1 was not written").arg(path), {ErrorKind::Failed, path, file.errorString()}));
}

}  // namespace qs
