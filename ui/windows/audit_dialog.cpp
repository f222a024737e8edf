#include "ui/windows/audit_dialog.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "core/exporters/reports/audit_tables.h"
#include "ui/panels/audit_table.h"
#include "ui/panels/progress_strip.h"
#include "ui/support/file_dialogs.h"
#include "ui/support/number_format.h"

namespace qs {

AuditDialog::AuditDialog(const CheckpointPtr& opened, QWidget* parent) : QDialog(parent) {
  setAttribute(Qt::WA_DeleteOnClose);
  setWindowTitle(tr("Audit checkpoint"));
  auto* rows = new QFormLayout;
  rows->setHorizontalSpacing(16);
  rows->setVerticalSpacing(8);
  m_original = addPath(QStringLiteral("original"), tr("File or folder of the unquantized model"));
  m_quantized = addPath(QStringLiteral("quantized"), tr("File or folder of a quantized checkpoint of it"));
  rows->addRow(tr("&Original"), m_original->parentWidget());
  rows->addRow(tr("&Checkpoint"), m_quantized->parentWidget());
  static_cast<QLabel*>(rows->labelForField(m_original->parentWidget()))->setBuddy(m_original);
  static_cast<QLabel*>(rows->labelForField(m_quantized->parentWidget()))->setBuddy(m_quantized);
  m_summary = new QLabel(tr("Compares every tensor with the original's and names what is wrong with it."), this);
  m_summary->setObjectName(QStringLiteral("auditSummary"));
  m_summary->setWordWrap(true);
  m_table = new AuditTable(this);
  m_table->setModel(&m_model);
  m_progress = new ProgressStrip(this);
  m_start = new QPushButton(tr("&Audit"), this);
  m_start->setObjectName(QStringLiteral("startAudit"));
  m_start->setProperty("primary", true);
  m_start->setDefault(true);
  m_csv = new QPushButton(tr("Export C&SV…"), this);
  m_markdown = new QPushButton(tr("Export &Markdown…"), this);
  auto* close = new QPushButton(tr("Close"), this);
  for (QPushButton* button : {m_csv, m_markdown, close}) button->setAutoDefault(false);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_csv);
  buttons->addWidget(m_markdown);
  buttons->addStretch();
  buttons->addWidget(m_start);
  buttons->addWidget(close);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(16, 16, 16, 12);
  layout->setSpacing(12);
  layout->addLayout(rows);
  layout->addWidget(m_summary);
  layout->addWidget(m_table, 1);
  layout->addWidget(m_progress);
  layout->addLayout(buttons);
  resize(960, 560);
  connect(m_start, &QPushButton::clicked, this, [this] { Q_EMIT auditRequested(plan()); });
  connect(close, &QPushButton::clicked, this, &QWidget::close);
  connect(m_csv, &QPushButton::clicked, this, [this] { askWhereToWrite(false); });
  connect(m_markdown, &QPushButton::clicked, this, [this] { askWhereToWrite(true); });
  connect(m_table, &AuditTable::tensorChosen, this, &AuditDialog::tensorChosen);
  connect(m_progress, &ProgressStrip::cancelRequested, this, &AuditDialog::cancelRequested);
  m_progress->hide();
  setOpened(opened);
}

void AuditDialog::setOpened(const CheckpointPtr& opened) {
  m_opened = opened;
  m_original->setPlaceholderText(m_opened
                                     ? tr("The opened model: %1").arg(QString::fromStdString(m_opened->displayName()))
                                     : m_original->accessibleName());
  update();
}

QLineEdit* AuditDialog::addPath(const QString& name, const QString& hint) {
  auto* row = new QWidget(this);
  auto* edit = new QLineEdit(row);
  edit->setObjectName(name);
  edit->setPlaceholderText(hint);
  edit->setAccessibleName(hint);
  edit->setClearButtonEnabled(true);
  auto* browse = new QToolButton(row);
  browse->setText(tr("Browse…"));
  browse->setAccessibleName(tr("Browse for: %1").arg(hint));
  browse->setPopupMode(QToolButton::InstantPopup);
  auto* menu = new QMenu(browse);
  menu->addAction(tr("A &folder…"), this, [this, edit] { askForPath(edit, true); });
  menu->addAction(tr("A f&ile…"), this, [this, edit] { askForPath(edit, false); });
  browse->setMenu(menu);
  auto* layout = new QHBoxLayout(row);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(edit, 1);
  layout->addWidget(browse);
  connect(edit, &QLineEdit::textChanged, this, &AuditDialog::update);
  return edit;
}

void AuditDialog::askForPath(QLineEdit* edit, bool folder) {
  auto* dialog = new QFileDialog(this, folder ? tr("Choose a folder") : tr("Choose a file"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
  dialog->setOption(QFileDialog::ShowDirsOnly, folder);
  startInLastFolder(*dialog);
  connect(dialog, &QFileDialog::fileSelected, edit, &QLineEdit::setText);
  dialog->open();
}

void AuditDialog::askWhereToWrite(bool markdown) {
  const QString suffix = markdown ? QStringLiteral("md") : QStringLiteral("csv");
  auto* dialog = new QFileDialog(this, tr("Export audit"), {},
                                 markdown ? tr("Markdown (*.md)") : tr("Comma-separated values (*.csv)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(suffix);
  startInLastFolder(*dialog, fileNameOf({QFileInfo(m_quantized->text().trimmed()).completeBaseName(),
                                         QStringLiteral("audit.") + suffix}));
  connect(dialog, &QFileDialog::fileSelected, this, [this, markdown](const QString& path) {
    const TextTable table = auditTable(*m_model.report());
    Q_EMIT exportRequested(path, QByteArray::fromStdString(markdown ? table.toMarkdown() : table.toCsv()));
  });
  dialog->open();
}

AuditPlan AuditDialog::plan() const { return {m_opened, m_original->text().trimmed(), m_quantized->text().trimmed()}; }

void AuditDialog::setBusy(bool busy) {
  m_isBusy = busy;
  m_progress->setVisible(busy);
  m_progress->setBusy(busy);
  update();
}

void AuditDialog::setReport(const AuditReportPtr& report) {
  m_model.setReport(report);
  const auto faults = static_cast<std::uint64_t>(report->faultCount());
  m_summary->setText(
      tr("%1: %2, %3 bits/weight. %4")
          .arg(QString::fromStdString(report->format),
               number::counted(report->tensors.size(), tr("1 tensor"), tr("%1 tensors")),
               number::bits(report->bitsPerWeight()),
               faults == 0 ? tr("No faults found.") : tr("⚠ Faults found: %1.").arg(number::count(faults))));
  update();
}

void AuditDialog::setFailed(const QString& text) {
  m_model.setReport(nullptr);
  m_summary->setText(text);
  update();
}

void AuditDialog::done(int result) {
  if (m_isBusy) Q_EMIT cancelRequested();
  QDialog::done(result);
}

void AuditDialog::update() {
  const AuditPlan now = plan();
  m_start->setEnabled(!m_isBusy && !now.quantized.isEmpty() && (m_opened != nullptr || !now.original.isEmpty()));
  m_csv->setEnabled(m_model.report() != nullptr);
  m_markdown->setEnabled(m_model.report() != nullptr);
}

}  // namespace qs
