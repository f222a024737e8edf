#pragma once

#include <QDialog>

#include "ui/controllers/audit_controller.h"
#include "ui/models/audit_model.h"

class QLabel;
class QLineEdit;
class QPushButton;

namespace qs {

class AuditTable;
class ProgressStrip;

/// Which checkpoint is compared with which original, and what came out. Doesn't block the window.
class AuditDialog : public QDialog {
  Q_OBJECT

 public:
  /// `opened` is the window's model, the original unless another is named; null = none.
  AuditDialog(const CheckpointPtr& opened, QWidget* parent);

  /// The window has another model.
  void setOpened(const CheckpointPtr& opened);
  [[nodiscard]] AuditPlan plan() const;
  [[nodiscard]] AuditTable* table() const { return m_table; }
  [[nodiscard]] ProgressStrip* progress() const { return m_progress; }

 public Q_SLOTS:
  void setBusy(bool busy);
  void setReport(const qs::AuditReportPtr& report);
  /// Why there is no result; that of an earlier audit goes.
  void setFailed(const QString& text);
  /// However the dialog is closed (Esc, Close, its frame): nobody could cancel the audit afterwards.
  void done(int result) override;

 Q_SIGNALS:
  void auditRequested(const qs::AuditPlan& plan);
  void cancelRequested();
  void tensorChosen(const QString& tensor);
  /// A file to be written.
  void exportRequested(const QString& path, const QByteArray& text);

 private:
  QLineEdit* addPath(const QString& name, const QString& hint);
  void askForPath(QLineEdit* edit, bool folder);
  void askWhereToWrite(bool markdown);
  void update();

  CheckpointPtr m_opened;
  AuditModel m_model;
  QLineEdit* m_original = nullptr;
  QLineEdit* m_quantized = nullptr;
  QPushButton* m_start = nullptr;
  QPushButton* m_csv = nullptr;
  QPushButton* m_markdown = nullptr;
  QLabel* m_summary = nullptr;
  AuditTable* m_table = nullptr;
  ProgressStrip* m_progress = nullptr;
  bool m_isBusy = false;
};

}  // namespace qs
