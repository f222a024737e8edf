#include "ui/panels/calibration_form.h"
#include "ui/support/file_dialogs.h"
#include "ui/support/tool_tip.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QSignalBlocker>

namespace qs {
namespace {

enum Source { None, BuiltInText, TextFile, ActivationsFile };

constexpr int kHoldOutEvery = 8;

Source sourceOf(const CalibrationSource& calibration, const std::filesystem::path& builtIn) {
  if (!calibration.activationsFile.empty()) return ActivationsFile;
  if (!calibration.runModel) return None;
  return calibration.textFile.empty() || calibration.textFile == builtIn ? BuiltInText : TextFile;
}

}  // namespace

CalibrationForm::CalibrationForm(QWidget* parent) : QWidget(parent) {
  m_source = new QComboBox(this);
  m_source->setObjectName(QStringLiteral("calibrationSource"));
  m_source->setAccessibleName(tr("Calibration"));
  m_source->setToolTip(
      wrappedToolTip(tr("What the layers' inputs are taken from. Calibrated methods and the output error need them.")));
  m_source->addItems({tr("None"), tr("Model over built-in text"), tr("Model over a text…"), tr("Activations file…")});
  m_source->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  m_source->setMinimumContentsLength(8);
  m_source->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  m_holdOut = new QCheckBox(tr("Keep every 8th row out"), this);
  m_holdOut->setObjectName(QStringLiteral("holdOut"));
  m_holdOut->setToolTip(
      wrappedToolTip(tr("Rows that take no part in calibration; the error over them is reported beside")));
  m_sequential = new QCheckBox(tr("On quantized layers' outputs"), this);
  m_sequential->setObjectName(QStringLiteral("sequential"));
  m_sequential->setToolTip(wrappedToolTip(tr(
      "Sequential calibration: in a run over all layers each one is calibrated on what the quantized layers before it "
      "give; else on the unquantized model's")));
  m_hint = new QLabel(this);
  m_hint->setWordWrap(true);
  m_hint->setProperty("textStyle", QLatin1String("muted"));
  auto* rows = new QFormLayout(this);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->setHorizontalSpacing(12);
  rows->setVerticalSpacing(8);
  rows->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
  auto* label = new QLabel(tr("Calibration"), this);
  label->setBuddy(m_source);
  rows->addRow(label, m_source);
  rows->addRow(m_sequential);
  rows->addRow(m_holdOut);
  rows->addRow(m_hint);
  connect(m_source, &QComboBox::activated, this, &CalibrationForm::choose);
  connect(m_sequential, &QCheckBox::toggled, this, [this](bool on) {
    m_calibration.sequential = on;
    tell();
  });
  connect(m_holdOut, &QCheckBox::toggled, this, [this](bool on) {
    m_calibration.holdOutEvery = on ? kHoldOutEvery : 0;
    tell();
  });
  update();
}

void CalibrationForm::setBuiltInText(const std::filesystem::path& file) {
  m_builtIn = file;
  update();
}

void CalibrationForm::setNeeded(bool needed, bool canRunModel) {
  m_needed = needed;
  m_canRunModel = canRunModel;
  update();
}

void CalibrationForm::setCalibration(const CalibrationSource& calibration) {
  m_calibration = calibration;
  update();
}

void CalibrationForm::choose(int index) {
  if (index == TextFile || index == ActivationsFile) return askForFile(index == ActivationsFile);
  m_calibration.activationsFile.clear();
  m_calibration.runModel = index == BuiltInText;
  m_calibration.textFile = index == BuiltInText ? m_builtIn : std::filesystem::path();
  tell();
}

void CalibrationForm::askForFile(bool activations) {
  update();  // the list shows what holds until a file is chosen
  auto* dialog =
      new QFileDialog(this, activations ? tr("Choose an activations file") : tr("Choose a text"), {},
                      activations ? tr("Activations (*.safetensors)") : tr("Texts (*.txt *.md);;All files (*)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  startInLastFolder(*dialog);
  connect(dialog, &QFileDialog::fileSelected, this, [this, activations](const QString& path) {
    m_calibration.runModel = !activations;
    m_calibration.textFile = activations ? std::filesystem::path() : std::filesystem::path(path.toStdString());
    m_calibration.activationsFile = activations ? std::filesystem::path(path.toStdString()) : std::filesystem::path();
    tell();
  });
  dialog->open();
}

void CalibrationForm::tell() {
  update();
  Q_EMIT calibrationEdited(m_calibration);
}

void CalibrationForm::update() {
  const QSignalBlocker quietSource(m_source);
  const QSignalBlocker quietHoldOut(m_holdOut);
  const QSignalBlocker quietSequential(m_sequential);
  const Source source = sourceOf(m_calibration, m_builtIn);
  m_source->setCurrentIndex(source);
  m_holdOut->setChecked(m_calibration.holdOutEvery > 0);
  m_holdOut->setEnabled(source != None);
  m_sequential->setChecked(m_calibration.sequential);
  m_sequential->setVisible(source == BuiltInText || source == TextFile);
  QString hint;
  if (source == None && m_needed)
    hint = m_canRunModel
               ? tr("This method needs calibration: choose where its inputs come from.")
               : tr("This method needs calibration, and the model can't be run over a text without config.json "
                    "and tokenizer: choose an activations file.");
  if (source == TextFile) hint = QString::fromStdString(m_calibration.textFile.filename().string());
  if (source == ActivationsFile) hint = QString::fromStdString(m_calibration.activationsFile.filename().string());
  m_hint->setText(hint);
  m_hint->setVisible(!hint.isEmpty());
}

}  // namespace qs
