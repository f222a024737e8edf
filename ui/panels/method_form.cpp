#include "ui/panels/method_form.h"

#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "core/base/error.h"
#include "core/quant/method_registry.h"
#include "ui/panels/calibration_form.h"
#include "ui/panels/layer_filter_form.h"
#include "ui/panels/param_editor.h"
#include "ui/support/item_roles.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr int kMargin = 12;

}  // namespace

MethodForm::MethodForm(QWidget* parent) : QWidget(parent) {
  m_method = new QComboBox(this);
  m_method->setObjectName(QStringLiteral("methodBox"));
  m_method->setAccessibleName(tr("Method"));
  m_summary = new QLabel(this);
  m_summary->setWordWrap(true);
  m_summary->setProperty("textStyle", QLatin1String("muted"));

  m_calibration = new CalibrationForm(this);
  m_layers = new LayerFilterForm(this);
  m_content = new QWidget;
  m_groups = new QVBoxLayout(m_content);
  m_groups->setContentsMargins(kMargin, 4, kMargin, kMargin);
  m_groups->setSpacing(10);
  m_scroll = new QScrollArea(this);
  m_scroll->setWidgetResizable(true);
  m_scroll->setFrameShape(QFrame::NoFrame);
  m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_scroll->setWidget(m_content);

  m_run = new QPushButton(tr("Run all layers"), this);
  m_run->setObjectName(QStringLiteral("runButton"));
  m_run->setProperty("primary", true);
  m_defaults = new QPushButton(tr("Defaults"), this);
  m_defaults->setObjectName(QStringLiteral("defaultsButton"));
  m_defaults->setToolTip(tr("Put every setting of this method back to its default"));
  m_runNote = new QLabel(this);
  m_runNote->setObjectName(QStringLiteral("runNote"));
  m_runNote->setWordWrap(true);
  m_runNote->setProperty("textStyle", QLatin1String("muted"));
  m_runNote->setContentsMargins(kMargin, 6, kMargin, 0);
  m_runNote->hide();
  auto* buttons = new QHBoxLayout;
  buttons->setContentsMargins(kMargin, 6, kMargin, 10);
  buttons->setSpacing(8);
  buttons->addWidget(m_run, 1);
  buttons->addWidget(m_defaults);

  auto* head = new QVBoxLayout;
  head->setContentsMargins(kMargin, 10, kMargin, 4);
  head->setSpacing(6);
  head->addWidget(m_method);
  head->addWidget(m_summary);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addLayout(head);
  layout->addWidget(m_scroll, 1);
  layout->addWidget(m_runNote);
  layout->addLayout(buttons);

  fillMethods();
  connect(m_method, &QComboBox::currentIndexChanged, this, &MethodForm::chooseMethod);
  connect(m_calibration, &CalibrationForm::calibrationEdited, this, [this](const CalibrationSource& calibration) {
    m_request.calibration = calibration;
    m_choseCalibration = true;
    updateState();
    Q_EMIT requestEdited(m_request);
  });
  connect(m_layers, &LayerFilterForm::filterEdited, this, [this](const LayerFilter& filter) {
    m_request.layers = filter;
    Q_EMIT requestEdited(m_request);
  });
  connect(m_run, &QPushButton::clicked, this, &MethodForm::runRequested);
  connect(m_defaults, &QPushButton::clicked, this, [this] {
    m_request.settings = {};
    setRequest(QuantRequest(m_request));
    Q_EMIT requestEdited(m_request);
  });
  setRequest(QuantRequest());
}

void MethodForm::fillMethods() {
  for (const MethodInfo& method : allMethods()) {
    m_method->addItem(QString::fromStdString(method.name), QString::fromStdString(method.id));
    m_method->setItemData(m_method->count() - 1, wrappedToolTip(QString::fromStdString(method.summary)),
                          Qt::ToolTipRole);
  }
}

void MethodForm::setRequest(const QuantRequest& request) {
  m_request = request;
  const MethodInfo* method = findMethod(request.method);
  if (method == nullptr) return;
  const QSignalBlocker quiet(m_method);
  m_method->setCurrentIndex(m_method->findData(QString::fromStdString(method->id)));
  if (m_builtFor != method->id) rebuild(*method);
  showValues(*method);
}

void MethodForm::chooseMethod(int index) {
  m_request.method = m_method->itemData(index).toString().toStdString();
  m_request.settings = {};
  fitCalibration();
  setRequest(QuantRequest(m_request));
  Q_EMIT requestEdited(m_request);
}

MethodForm::Group MethodForm::makeGroup() {
  Group group{.box = new QWidget(m_content)};
  group.rows = new QFormLayout(group.box);
  group.rows->setContentsMargins(0, 0, 0, 0);
  group.rows->setHorizontalSpacing(12);
  group.rows->setVerticalSpacing(8);
  group.rows->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
  group.rows->setRowWrapPolicy(QFormLayout::WrapLongRows);
  group.rows->setLabelAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  return group;
}

void MethodForm::addRow(const Group& group, const ParamSpec& spec) {
  ParamEditor* editor = makeParamEditor(spec, group.box);
  if (spec.kind == ParamKind::Switch) {
    group.rows->addRow(editor);
  } else {
    auto* label = new QLabel(QString::fromStdString(spec.label), group.box);
    label->setBuddy(editor);
    label->setToolTip(editor->toolTip());
    group.rows->addRow(label, editor);
  }
  m_editors.insert(QString::fromStdString(spec.key), editor);
  connect(editor, &ParamEditor::edited, this, [this, key = spec.key](const ParamValue& value) {
    m_request.settings.set(key, value);
    fitCalibration();
    updateState();
    Q_EMIT requestEdited(m_request);
  });
}

void MethodForm::rebuild(const MethodInfo& method) {
  m_builtFor = method.id;
  m_editors.clear();
  while (QLayoutItem* item = m_groups->takeAt(0)) {
    const bool isKept = item->widget() == m_calibration || item->widget() == m_layers;
    if (item->widget() != nullptr && !isKept) item->widget()->deleteLater();
    delete item;
  }
  m_summary->setText(QString::fromStdString(method.summary));
  m_summary->setToolTip(wrappedToolTip(QString::fromStdString(method.source)));
  const Group plain = makeGroup();
  const Group more = makeGroup();
  const Group introductory = makeGroup();
  for (const ParamSpec& spec : method.parameters) {
    addRow(spec.introductory ? introductory : spec.advanced ? more : plain, spec);
  }
  auto* moreButton = new QToolButton(m_content);
  moreButton->setObjectName(QStringLiteral("moreButton"));
  moreButton->setText(tr("More settings"));
  moreButton->setCheckable(true);
  moreButton->setAutoRaise(true);
  moreButton->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  auto* heading = new QLabel(tr("Introductory forms"), m_content);
  heading->setProperty("textStyle", QLatin1String("heading"));
  heading->setToolTip(
      wrappedToolTip(tr("How introductory texts write the method, kept for comparing; not what was published")));
  auto* compareForms = new QPushButton(tr("Compare with the published form"), m_content);
  compareForms->setObjectName(QStringLiteral("compareForms"));
  compareForms->setToolTip(tr("Quantize the model both ways and measure each"));
  connect(compareForms, &QPushButton::clicked, this, &MethodForm::formsComparisonRequested);
  introductory.rows->addRow(compareForms);
  const bool hasMore = more.rows->rowCount() > 0;
  const bool hasIntroductory = introductory.rows->rowCount() > 1;
  const auto showMore = [this, moreButton, more, heading, introductory, hasMore, hasIntroductory](bool shown) {
    m_showsMore = shown;
    moreButton->setArrowType(shown ? Qt::DownArrow : Qt::RightArrow);
    more.box->setVisible(shown && hasMore);
    heading->setVisible(shown && hasIntroductory);
    introductory.box->setVisible(shown && hasIntroductory);
    keepWidth();
  };
  connect(moreButton, &QToolButton::toggled, this, showMore);
  moreButton->setChecked(m_showsMore);
  showMore(m_showsMore);
  moreButton->setVisible(hasMore || hasIntroductory);
  for (QWidget* widget : std::initializer_list<QWidget*>{plain.box, m_calibration, m_layers, moreButton, more.box,
                                                         heading, introductory.box}) {
    m_groups->addWidget(widget);
  }
  m_groups->addStretch(1);
  keepWidth();
}

void MethodForm::keepWidth() {
  m_groups->activate();
  m_scroll->setMinimumWidth(m_content->minimumSizeHint().width() + m_scroll->verticalScrollBar()->sizeHint().width());
}

void MethodForm::showValues(const MethodInfo& method) {
  for (const ParamSpec& spec : method.parameters) {
    ParamEditor* editor = m_editors.value(QString::fromStdString(spec.key));
    const bool isSet = m_request.settings.contains(spec.key);
    const ParamValue& value = isSet ? m_request.settings.value(spec.key) : spec.defaultValue;
    // An unfitting kind comes from a recipe: the request's validation names it, the form shows the default.
    const bool isNumber = spec.kind == ParamKind::Real && std::holds_alternative<std::int64_t>(value);
    editor->setValue(value.index() == spec.defaultValue.index() || isNumber ? value : spec.defaultValue);
  }
  m_layers->setFilter(m_request.layers);
  updateState();
}

void MethodForm::updateState() {
  m_calibration->setCalibration(m_request.calibration);
  m_calibration->setNeeded(lacksCalibration(m_request), m_canRunModel);
  m_defaults->setEnabled(!m_request.settings.values().empty());
  updateRun();
}

void MethodForm::setCanRunModel(bool can) {
  m_canRunModel = can;
  const CalibrationSource before = m_request.calibration;
  fitCalibration();
  updateState();
  if (!(m_request.calibration == before)) Q_EMIT requestEdited(m_request);
}

void MethodForm::fitCalibration() {
  if (m_choseCalibration) return;
  if (m_tookBuiltIn) {
    m_request.calibration.runModel = false;
    m_request.calibration.textFile.clear();
  }
  m_tookBuiltIn = m_canRunModel && lacksCalibration(m_request);
  if (!m_tookBuiltIn) return;
  m_request.calibration.runModel = true;
  m_request.calibration.textFile = m_calibration->builtInText();
}

void MethodForm::setRunning(bool running) {
  m_running = running;
  updateRun();
}

void MethodForm::setHasModel(bool hasModel) {
  m_hasModel = hasModel;
  updateRun();
}

void MethodForm::setRunNote(const QString& note) {
  m_runNote->setText(note);
  m_runNote->setVisible(!note.isEmpty());
}

void MethodForm::updateRun() {
  const bool lacks = lacksCalibration(m_request);
  m_run->setEnabled(m_hasModel && !m_running && !lacks);
  m_run->setToolTip(wrappedToolTip(
      lacks ? tr("%1 needs calibration: choose above where its inputs come from").arg(m_method->currentText())
            : tr("Quantize every layer of the model with these settings (Ctrl+R)")));
}

}  // namespace qs
