#include "ui/windows/compare_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>
#include <set>

#include "core/quant/method_registry.h"
#include "ui/support/file_dialogs.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr int kBuiltIn = 0;
constexpr int kChooseFile = 1;
constexpr int kChosenFile = 2;
constexpr int kMostWindows = 100'000;

std::filesystem::path chosen(const QComboBox& box, const std::filesystem::path& builtIn) {
  return box.currentIndex() == kBuiltIn ? builtIn : std::filesystem::path(box.currentData().toString().toStdString());
}

}  // namespace

CompareDialog::CompareDialog(const QuantRequest& base, BuiltInTexts texts, QWidget* parent)
    : QDialog(parent), m_base(base), m_texts(std::move(texts)) {
  setAttribute(Qt::WA_DeleteOnClose);
  setWindowTitle(tr("Compare methods"));
  m_methods = new QListWidget(this);
  m_methods->setObjectName(QStringLiteral("methods"));
  m_methods->setAccessibleName(tr("Methods to compare"));
  addMethods();
  auto* rows = new QFormLayout;
  rows->setHorizontalSpacing(16);
  rows->setVerticalSpacing(8);
  m_calibration = addText(tr("Calibration text"), tr("Built-in calibration text"));
  m_evaluation = addText(tr("Evaluation text"), tr("Built-in evaluation text"));
  m_windows = new QSpinBox(this);
  m_windows->setRange(0, kMostWindows);
  m_windows->setSpecialValueText(tr("All, up to 65,536 tokens"));
  m_windows->setAccessibleName(tr("Windows of the evaluation text"));
  rows->addRow(tr("Calibrate on"), m_calibration);
  rows->addRow(tr("Evaluate on"), m_evaluation);
  rows->addRow(tr("Windows"), m_windows);
  m_sequential = new QCheckBox(tr("Layer by layer, on what the quantized layers before give"), this);
  m_sequential->setObjectName(QStringLiteral("sequentialComparison"));
  m_sequential->setToolTip(
      wrappedToolTip(tr("Sequential calibration; else all layers see the unquantized model's inputs")));
  m_sequential->setChecked(m_base.calibration.sequential);
  rows->addRow(QString(), m_sequential);
  m_warning = new QLabel(this);
  m_warning->setWordWrap(true);
  m_warning->setProperty("textStyle", QLatin1String("muted"));
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
  m_start = buttons->addButton(tr("Compare"), QDialogButtonBox::AcceptRole);
  m_start->setObjectName(QStringLiteral("startComparison"));
  m_start->setProperty("primary", true);
  m_start->setDefault(true);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(16, 16, 16, 12);
  layout->setSpacing(12);
  layout->addWidget(m_methods, 1);
  layout->addLayout(rows);
  layout->addWidget(m_warning);
  layout->addWidget(buttons);
  resize(460, 520);
  connect(m_methods, &QListWidget::itemChanged, this, &CompareDialog::update);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(buttons, &QDialogButtonBox::accepted, this, [this] {
    Q_EMIT comparisonRequested(plan());
    accept();
  });
  update();
}

void CompareDialog::addMethods() {
  std::set<std::string> usual;
  for (const ComparedMethod& compared : defaultComparison()) usual.insert(compared.method);
  const auto add = [&](const std::string& id, const QString& name, const QString& help) {
    auto* item = new QListWidgetItem(name, m_methods);
    item->setData(Qt::UserRole, QString::fromStdString(id));
    item->setToolTip(wrappedToolTip(help));
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsUserCheckable | Qt::ItemIsSelectable);
    item->setCheckState(usual.contains(id) ? Qt::Checked : Qt::Unchecked);
  };
  add(kUnquantized, tr("Unquantized (reference)"), tr("The model as it is, sized at 16 bits a weight"));
  for (const MethodInfo& method : allMethods()) {
    const QString name = QString::fromStdString(method.name);
    const bool hasSettings = method.id == m_base.method && !m_base.settings.values().empty();
    add(method.id, hasSettings ? tr("%1, with the settings of the form").arg(name) : name,
        QString::fromStdString(method.summary));
  }
}

QComboBox* CompareDialog::addText(const QString& name, const QString& builtIn) {
  auto* box = new QComboBox(this);
  box->setAccessibleName(name);
  box->addItem(builtIn);
  box->addItem(tr("Choose a file…"));
  connect(box, &QComboBox::activated, this, [this, box](int index) {
    if (index == kChooseFile) askForText(box);
    update();
  });
  return box;
}

void CompareDialog::askForText(QComboBox* box) {
  auto* dialog = new QFileDialog(this, tr("Choose a text"), {}, tr("Texts (*.txt *.md);;All files (*)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  startInLastFolder(*dialog);
  box->setCurrentIndex(kBuiltIn);
  connect(dialog, &QFileDialog::fileSelected, this, [this, box](const QString& path) {
    if (box->count() > kChosenFile) box->removeItem(kChosenFile);
    box->addItem(QFileInfo(path).fileName(), path);
    box->setCurrentIndex(kChosenFile);
    update();
  });
  dialog->open();
}

void CompareDialog::update() {
  const ComparisonPlan now = plan();
  const bool same = now.evaluationTextFile == now.request.base.calibration.textFile;
  m_warning->setText(same ? tr("⚠ The same text calibrates and evaluates: figures will look better than they are.")
                          : tr("Calibration text is not evaluation text."));
  m_start->setEnabled(!now.request.methods.empty());
}

ComparisonPlan CompareDialog::plan() const {
  ComparisonPlan plan;
  for (int row = 0; row < m_methods->count(); ++row) {
    const QListWidgetItem* item = m_methods->item(row);
    if (item->checkState() != Qt::Checked) continue;
    const std::string method = item->data(Qt::UserRole).toString().toStdString();
    plan.request.methods.push_back(
        {.method = method, .settings = method == m_base.method ? m_base.settings : Settings()});
  }
  plan.request.base = m_base;
  plan.request.base.calibration = {};
  plan.request.base.calibration.runModel = true;
  plan.request.base.calibration.sequential = m_sequential->isChecked();
  plan.request.base.calibration.textFile = chosen(*m_calibration, m_texts.calibration);
  plan.request.base.trainingText = m_texts.training;
  plan.evaluationTextFile = chosen(*m_evaluation, m_texts.evaluation);
  plan.request.windows.maxWindows = static_cast<std::size_t>(m_windows->value());
  return plan;
}

}  // namespace qs
