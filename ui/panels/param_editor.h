#pragma once

#include <QWidget>

#include "core/quant/param_spec.h"

namespace qs {

/// Edits one parameter of a method, by its kind: a check box, a list, a slider with a number beside it, or a number
/// with the values that are offered. Gives every change by the person, and none by setValue.
class ParamEditor : public QWidget {
  Q_OBJECT

 public:
  using QWidget::QWidget;

  virtual void setValue(const ParamValue& value) = 0;

 Q_SIGNALS:
  void edited(const qs::ParamValue& value);
};

/// The editor of a spec's kind, with its help as tooltip and what's-this, named `key` for tests and accessibility.
[[nodiscard]] ParamEditor* makeParamEditor(const ParamSpec& spec, QWidget* parent);

}  // namespace qs
