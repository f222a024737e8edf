#include "ui/windows/export_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "core/exporters/exporter_registry.h"
#include "core/exporters/gguf/gguf_type_choice.h"

namespace qs {

ExportDialog::ExportDialog(QWidget* parent) : QDialog(parent) {
  setAttribute(Qt::WA_DeleteOnClose);
  setWindowTitle(tr("Export quantized model"));
  m_rows = new QFormLayout;
  m_rows->setHorizontalSpacing(16);
  m_rows->setVerticalSpacing(8);
  m_format = addChoice("exportFormat", tr("Format"), tr("Export format"));
  for (const ExporterInfo& exporter : allExporters())
    m_format->addItem(QString::fromStdString(exporter.name), QString::fromStdString(exporter.id));
  m_ggufType = addChoice("ggufType", tr("Type of the layers"), tr("GGUF type of the quantized layers"));
  fillGgufTypes();
  m_gptqVersion = addChoice("gptqVersion", tr("Version"), tr("GPTQ version"));
  m_gptqVersion->addItem(tr("1, or 2 where a zero point needs it"), QStringLiteral("auto"));
  m_gptqVersion->addItem(tr("1"), QStringLiteral("v1"));
  m_gptqVersion->addItem(tr("2"), QStringLiteral("v2"));
  m_dtype = addChoice("exportDtype", tr("Weights as"), tr("Type of the dequantized weights"));
  for (const char* dtype : {"F32", "F16", "BF16"}) m_dtype->addItem(dtype, QString(dtype).toLower());
  m_loaders = new QLabel(this);
  m_loaders->setWordWrap(true);
  m_loaders->setProperty("textStyle", QLatin1String("muted"));
  m_findings = new QListWidget(this);
  m_findings->setObjectName(QStringLiteral("findings"));
  m_findings->setAccessibleName(tr("What the format holds and what loads it"));
  m_findings->setWordWrap(true);
  m_findings->setResizeMode(QListView::Adjust);  // the lines that a finding takes depend on the width
  m_findings->setSpacing(3);
  m_findings->setSelectionMode(QAbstractItemView::NoSelection);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
  buttons->button(QDialogButtonBox::Cancel)->setIcon({});
  m_export = new QPushButton(tr("Export…"), this);
  m_export->setObjectName(QStringLiteral("startExport"));
  m_export->setProperty("primary", true);
  m_export->setDefault(true);
  buttons->addButton(m_export, QDialogButtonBox::AcceptRole);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(16, 16, 16, 12);
  layout->setSpacing(12);
  layout->addLayout(m_rows);
  layout->addWidget(m_loaders);
  layout->addWidget(m_findings, 1);
  layout->addWidget(buttons);
  resize(520, 420);
  for (QComboBox* box : {m_format, m_ggufType, m_gptqVersion, m_dtype})
    connect(box, &QComboBox::currentIndexChanged, this, &ExportDialog::askForPreflight);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(buttons, &QDialogButtonBox::accepted, this, [this] {
    Q_EMIT exportRequested(exporterId(), options());
    accept();
  });
  showChoices();
}

QComboBox* ExportDialog::addChoice(const char* name, const QString& label, const QString& accessibleName) {
  auto* box = new QComboBox(this);
  box->setObjectName(QLatin1String(name));
  box->setAccessibleName(accessibleName);
  m_rows->addRow(label, box);
  return box;
}

void ExportDialog::fillGgufTypes() {
  m_ggufType->addItem(tr("The one that holds the run's codes"), QString());
  for (const GgufTypeChoice& choice : ggufTypeChoices()) {
    const QString id = QString::fromLatin1(choice.id.data(), static_cast<qsizetype>(choice.id.size()));
    m_ggufType->addItem(id.toUpper(), id);
  }
}

QString ExportDialog::exporterId() const { return m_format->currentData().toString(); }

ExportOptions ExportDialog::options() const {
  ExportOptions options;
  const auto add = [&](const char* format, const char* key, const QComboBox* box) {
    const QString value = box->currentData().toString();
    if (exporterId() == QLatin1String(format) && !value.isEmpty()) options.extra[key] = value.toStdString();
  };
  add("gguf", "gguf_type", m_ggufType);
  add("gptq", "gptq_version", m_gptqVersion);
  add("dequantized", "dtype", m_dtype);
  return options;
}

void ExportDialog::showChoices() {
  const auto show = [this](QComboBox* box, const char* format) {
    const bool isShown = exporterId() == QLatin1String(format);
    box->setVisible(isShown);
    m_rows->labelForField(box)->setVisible(isShown);
  };
  show(m_ggufType, "gguf");
  show(m_gptqVersion, "gptq");
  show(m_dtype, "dequantized");
  const ExporterInfo& exporter = requireExporter(exporterId().toStdString());
  m_loaders->setText(tr("Loads in: %1").arg(QString::fromStdString(exporter.loaders)));
}

void ExportDialog::askForPreflight() {
  showChoices();
  m_findings->clear();
  m_findings->addItem(tr("Checking…"));
  m_export->setEnabled(false);
  Q_EMIT preflightRequested(exporterId(), options());
}

void ExportDialog::setFindings(const std::vector<PreflightFinding>& findings) {
  m_findings->clear();
  bool isBlocked = false;
  for (auto first = findings.begin(); first != findings.end(); ++first) {
    isBlocked = isBlocked || first->blocking;
    const auto isSame = [&](const PreflightFinding& other) { return other.message == first->message; };
    if (std::any_of(findings.begin(), first, isSame)) continue;  // what many layers share is said once
    const bool isShared = std::count_if(first, findings.end(), isSame) > 1;
    const QString layer = QString::fromStdString(first->layer);
    const QString subject = layer.isEmpty() ? QString()
                            : isShared      ? tr("%1 and other layers: ").arg(layer)
                                            : tr("%1: ").arg(layer);
    m_findings->addItem((first->blocking ? QStringLiteral("✕ ") : QStringLiteral("⚠ ")) + subject +
                        QString::fromStdString(first->message));
  }
  if (findings.empty()) m_findings->addItem(tr("✓ The format holds every layer as it is."));
  m_export->setEnabled(!isBlocked);
}

}  // namespace qs
