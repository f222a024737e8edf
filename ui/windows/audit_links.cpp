#include "ui/windows/audit_links.h"

#include <QAction>
#include <QPointer>

#include "ui/panels/audit_table.h"
#include "ui/panels/progress_strip.h"
#include "ui/windows/audit_dialog.h"
#include "ui/windows/main_window.h"

namespace qs {
namespace {

void joinDialog(Workbench& bench, AuditDialog& dialog) {
  AuditController& audit = bench.audit;
  QObject::connect(&dialog, &AuditDialog::auditRequested, &audit, &AuditController::start);
  QObject::connect(&dialog, &AuditDialog::cancelRequested, &audit, &AuditController::cancel);
  QObject::connect(&dialog, &AuditDialog::exportRequested, &bench.exports, &ExportController::exportText);
  QObject::connect(&dialog, &AuditDialog::tensorChosen, &bench, &Workbench::selectNamed);
  QObject::connect(&bench.model, &ModelController::modelChanged, &dialog, &AuditDialog::setOpened);
  QObject::connect(&audit, &AuditController::busyChanged, &dialog, &AuditDialog::setBusy);
  QObject::connect(&audit, &AuditController::progressPolled, dialog.progress(), &ProgressStrip::setProgress);
  QObject::connect(&audit, &AuditController::finished, &dialog, &AuditDialog::setReport);
  QObject::connect(&audit, &AuditController::cancelled, &dialog,
                   [&dialog] { dialog.setFailed(AuditDialog::tr("The audit was cancelled.")); });
  QObject::connect(&audit, &AuditController::failed, &dialog, [&dialog](const UserMessage& message) {
    dialog.setFailed(QStringLiteral("⚠ %1: %2 %3").arg(message.what, message.why, message.whatToDo));
  });
}

}  // namespace

void linkAudit(MainWindow& window) {
  Workbench& bench = window.workbench();
  QObject::connect(window.actions().auditCheckpoint, &QAction::triggered, &window,
                   [&window, &bench, open = QPointer<AuditDialog>()]() mutable {
                     if (open.isNull()) {
                       open = new AuditDialog(bench.model.model(), &window);
                       joinDialog(bench, *open);
                     }
                     open->show();
                     open->raise();
                     open->activateWindow();
                   });
}

}  // namespace qs
