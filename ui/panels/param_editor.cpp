#include "ui/panels/param_editor.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QSlider>
#include <QSpinBox>
#include <algorithm>
#include <cmath>

namespace qs {
namespace {

constexpr double kMostSliderSteps = 64;        ///< wider ranges of whole numbers get the number alone
constexpr double kMostStepsInsteadOfList = 8;  ///< so few whole numbers get a slider even where values are offered
constexpr int kRealSliderSteps = 200;
constexpr double kLogarithmicFrom = 100;  ///< maximum / minimum from which the slider is logarithmic
constexpr int kNumberWidth = 76;
constexpr int kLeastSlider = 40;

QHBoxLayout* row(QWidget* owner) {
  auto* layout = new QHBoxLayout(owner);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(8);
  return layout;
}

class SwitchEditor : public ParamEditor {
 public:
  SwitchEditor(const ParamSpec& spec, QWidget* parent)
      : ParamEditor(parent), m_box(new QCheckBox(QString::fromStdString(spec.label), this)) {
    row(this)->addWidget(m_box);
    setFocusProxy(m_box);
    connect(m_box, &QCheckBox::toggled, this, [this](bool on) { Q_EMIT edited(on); });
  }
  void setValue(const ParamValue& value) override {
    const QSignalBlocker quiet(m_box);
    m_box->setChecked(std::get<bool>(value));
  }

 private:
  QCheckBox* m_box;
};

class ChoiceEditor : public ParamEditor {
 public:
  ChoiceEditor(const ParamSpec& spec, QWidget* parent) : ParamEditor(parent), m_box(new QComboBox(this)) {
    for (const ParamChoice& choice : spec.choices) {
      m_box->addItem(QString::fromStdString(choice.label), QString::fromStdString(choice.value));
    }
    m_box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_box->setMinimumContentsLength(6);
    row(this)->addWidget(m_box, 1);
    setFocusProxy(m_box);
    connect(m_box, &QComboBox::currentIndexChanged, this,
            [this] { Q_EMIT edited(m_box->currentData().toString().toStdString()); });
  }
  void setValue(const ParamValue& value) override {
    const QSignalBlocker quiet(m_box);
    m_box->setCurrentIndex(m_box->findData(QString::fromStdString(std::get<std::string>(value))));
  }

 private:
  QComboBox* m_box;
};

/// A list of the offered numbers in which any other may be typed.
class OfferedIntegerEditor : public ParamEditor {
 public:
  OfferedIntegerEditor(const ParamSpec& spec, QWidget* parent) : ParamEditor(parent), m_box(new QComboBox(this)) {
    m_box->setEditable(true);
    m_box->setInsertPolicy(QComboBox::NoInsert);
    for (const ParamChoice& choice : spec.choices) {
      m_box->addItem(QString::fromStdString(choice.label), QString::fromStdString(choice.value));
    }
    m_box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_box->setMinimumContentsLength(6);
    row(this)->addWidget(m_box, 1);
    setFocusProxy(m_box);
    connect(m_box, &QComboBox::activated, this, [this](int index) { tell(m_box->itemData(index).toString()); });
    connect(m_box->lineEdit(), &QLineEdit::editingFinished, this, [this] { tell(m_box->currentText()); });
  }
  void setValue(const ParamValue& value) override {
    const QSignalBlocker quiet(m_box);
    m_value = std::get<std::int64_t>(value);
    const int known = m_box->findData(QString::number(m_value));
    m_box->setCurrentIndex(known);
    if (known < 0) m_box->setEditText(QString::number(m_value));
  }

 private:
  void tell(const QString& text) {
    const int labelled = m_box->findText(text);
    bool isNumber = false;
    const auto value = (labelled >= 0 ? m_box->itemData(labelled).toString() : text).toLongLong(&isNumber);
    if (!isNumber) return setValue(m_value);
    if (value == m_value) return;
    m_value = value;
    Q_EMIT edited(static_cast<std::int64_t>(value));
  }

  QComboBox* m_box;
  std::int64_t m_value = 0;
};

class IntegerEditor : public ParamEditor {
 public:
  IntegerEditor(const ParamSpec& spec, QWidget* parent) : ParamEditor(parent), m_box(new QSpinBox(this)) {
    const auto clamped = [](double value) { return static_cast<int>(std::clamp(value, -2e9, 2e9)); };
    m_box->setRange(clamped(spec.minimum), clamped(spec.maximum));
    m_box->setSingleStep(std::max(1, static_cast<int>(spec.step)));
    m_box->setKeyboardTracking(false);
    m_box->setFixedWidth(kNumberWidth);
    setFocusProxy(m_box);
    auto* layout = row(this);
    if (spec.maximum - spec.minimum <= kMostSliderSteps) {
      m_slider = new QSlider(Qt::Horizontal, this);
      m_slider->setRange(m_box->minimum(), m_box->maximum());
      m_slider->setPageStep(1);
      m_slider->setMinimumWidth(kLeastSlider);
      m_slider->setAccessibleName(QString::fromStdString(spec.label));
      layout->addWidget(m_slider, 1);
      connect(m_slider, &QSlider::valueChanged, m_box, &QSpinBox::setValue);
    }
    layout->addWidget(m_box);
    if (m_slider == nullptr) layout->addStretch(1);
    connect(m_box, &QSpinBox::valueChanged, this, [this](int value) {
      if (m_slider != nullptr) {
        const QSignalBlocker quiet(m_slider);
        m_slider->setValue(value);
      }
      Q_EMIT edited(static_cast<std::int64_t>(value));
    });
  }
  void setValue(const ParamValue& value) override {
    const QSignalBlocker quiet(m_box);
    m_box->setValue(static_cast<int>(std::get<std::int64_t>(value)));
    if (m_slider == nullptr) return;
    const QSignalBlocker quietSlider(m_slider);
    m_slider->setValue(m_box->value());
  }

 private:
  QSpinBox* m_box;
  QSlider* m_slider = nullptr;
};

int decimalsOf(double step) {
  int decimals = 0;
  for (; decimals < 8 && std::abs(step - std::round(step)) > 1e-9 * std::max(1.0, std::abs(step)); ++decimals)
    step *= 10;
  return decimals;
}

class RealEditor : public ParamEditor {
 public:
  RealEditor(const ParamSpec& spec, QWidget* parent)
      : ParamEditor(parent),
        m_box(new QDoubleSpinBox(this)),
        m_slider(new QSlider(Qt::Horizontal, this)),
        m_minimum(spec.minimum),
        m_maximum(spec.maximum),
        m_isLogarithmic(spec.minimum > 0 && spec.maximum / spec.minimum >= kLogarithmicFrom) {
    m_box->setDecimals(std::max({decimalsOf(spec.step), decimalsOf(spec.minimum), 2}));
    m_box->setRange(m_minimum, m_maximum);
    m_box->setSingleStep(spec.step);
    m_box->setKeyboardTracking(false);
    m_box->setFixedWidth(kNumberWidth);
    m_slider->setRange(0, kRealSliderSteps);
    m_slider->setMinimumWidth(kLeastSlider);
    m_slider->setAccessibleName(QString::fromStdString(spec.label));
    auto* layout = row(this);
    layout->addWidget(m_slider, 1);
    layout->addWidget(m_box);
    setFocusProxy(m_box);
    connect(m_slider, &QSlider::valueChanged, this, [this](int step) { m_box->setValue(valueOf(step)); });
    connect(m_box, &QDoubleSpinBox::valueChanged, this, [this](double value) {
      const QSignalBlocker quiet(m_slider);
      m_slider->setValue(stepOf(value));
      Q_EMIT edited(value);
    });
  }
  void setValue(const ParamValue& value) override {
    const QSignalBlocker quiet(m_box);
    m_box->setValue(std::holds_alternative<double>(value) ? std::get<double>(value)
                                                          : static_cast<double>(std::get<std::int64_t>(value)));
    const QSignalBlocker quietSlider(m_slider);
    m_slider->setValue(stepOf(m_box->value()));
  }

 private:
  [[nodiscard]] double valueOf(int step) const {
    const double part = static_cast<double>(step) / kRealSliderSteps;
    return m_isLogarithmic ? m_minimum * std::pow(m_maximum / m_minimum, part)
                           : m_minimum + part * (m_maximum - m_minimum);
  }
  [[nodiscard]] int stepOf(double value) const {
    const double part = m_isLogarithmic ? std::log(value / m_minimum) / std::log(m_maximum / m_minimum)
                                        : (value - m_minimum) / (m_maximum - m_minimum);
    return static_cast<int>(std::lround(part * kRealSliderSteps));
  }

  QDoubleSpinBox* m_box;
  QSlider* m_slider;
  double m_minimum;
  double m_maximum;
  bool m_isLogarithmic;
};

ParamEditor* make(const ParamSpec& spec, QWidget* parent) {
  switch (spec.kind) {
    case ParamKind::Switch:
      return new SwitchEditor(spec, parent);
    case ParamKind::Choice:
      return new ChoiceEditor(spec, parent);
    case ParamKind::Real:
      return new RealEditor(spec, parent);
    case ParamKind::Integer:
      break;
  }
  const bool isNamed = std::any_of(spec.choices.begin(), spec.choices.end(),
                                   [](const ParamChoice& choice) { return choice.label != choice.value; });
  if (spec.choices.empty() || (!isNamed && spec.maximum - spec.minimum <= kMostStepsInsteadOfList))
    return new IntegerEditor(spec, parent);
  return new OfferedIntegerEditor(spec, parent);
}

}  // namespace

ParamEditor* makeParamEditor(const ParamSpec& spec, QWidget* parent) {
  ParamEditor* editor = make(spec, parent);
  const QString help = QString::fromStdString(spec.help);
  editor->setObjectName(QString::fromStdString(spec.key));
  editor->setToolTip(QStringLiteral("<p>%1</p>").arg(help.toHtmlEscaped()));
  editor->setWhatsThis(help);
  if (QWidget* input = editor->focusProxy(); input != nullptr) {
    input->setAccessibleName(QString::fromStdString(spec.label));
    input->setAccessibleDescription(help);
  }
  return editor;
}

}  // namespace qs
