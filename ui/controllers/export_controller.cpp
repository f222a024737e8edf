#include "ui/controllers/export_controller.h"

#include <QSaveFile>

#include "core/exporters/exporter_registry.h"
#include "ui/controllers/error_message.h"

namespace qs {

ExportController::ExportController(QObject* parent) : QObject(parent) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &ExportController::busyChanged);
  connect(&m_runner, &JobRunnerBase::progressPolled, this, &ExportController::progressPolled);
}

void ExportController::exportRun(const FinishedRunPtr& run, const QString& exporterId, const ExportOptions& options) {
  const QString path = QString::fromStdString(options.path.string());
  m_runner.start(
      [run, id = exporterId.toStdString(), options, path](const RunContext& context) {
        const ExporterInfo& exporter = requireExporter(id);
        requireExportable(exporter, *run->model, run->request, options);
        exporter.write({*run->model, run->request, *run->report, *run->store}, options, context);
        return path;
      },
      [this, path](const JobOutcome<QString>& outcome) {
        if (outcome.result) Q_EMIT exported(path);
        if (outcome.error) Q_EMIT exportFailed(errorMessage(tr("%1 was not written").arg(path), *outcome.error));
      });
}

void ExportController::exportText(const QString& path, const QByteArray& text) {
  QSaveFile file(path);
  if (file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit()) {
    Q_EMIT exported(path);
    return;
  }
  Q_EMIT exportFailed(errorMessage(tr("%1 was not written").arg(path), {ErrorKind::Failed, path, file.errorString()}));
}

}  // namespace qs
