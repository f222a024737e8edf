#pragma once

#include <QHash>
#include <QWidget>

#include "core/quant/method_info.h"
#include "core/session/quant_request.h"

class QComboBox;
class QFormLayout;
class QLabel;
class QPushButton;
class QScrollArea;
class QToolButton;
class QVBoxLayout;

namespace qs {

class CalibrationForm;
class LayerFilterForm;
class ParamEditor;

/// The method and its settings, built from the methods' ParamSpecs: the plain ones first, the advanced ones under
/// "More", the forms of introductory texts under their own heading. Knows no method by name.
class MethodForm : public QWidget {
  Q_OBJECT

 public:
  explicit MethodForm(QWidget* parent = nullptr);

  [[nodiscard]] const QuantRequest& request() const { return m_request; }
  [[nodiscard]] CalibrationForm* calibration() const { return m_calibration; }
  [[nodiscard]] LayerFilterForm* layers() const { return m_layers; }

 public Q_SLOTS:
  /// Shows a request; gives no signal.
  void setRequest(const qs::QuantRequest& request);
  void setRunning(bool running);
  void setHasModel(bool hasModel);
  /// Whether the model can be run over a text. If so, and as long as the person has chosen no calibration, methods that
  /// need one take the built-in text.
  void setCanRunModel(bool can);
  /// What a run would take, above its button; empty = nothing to say.
  void setRunNote(const QString& note);

 Q_SIGNALS:
  /// The whole request after a change by the person. Another method comes without settings.
  void requestEdited(const qs::QuantRequest& request);
  void runRequested();
  /// Measure the method as published against its introductory form.
  void formsComparisonRequested();

 private:
  struct Group {
    QWidget* box = nullptr;
    QFormLayout* rows = nullptr;
  };

  void fillMethods();
  void rebuild(const MethodInfo& method);
  void addRow(const Group& group, const ParamSpec& spec);
  [[nodiscard]] Group makeGroup();
  void showValues(const MethodInfo& method);
  void chooseMethod(int index);
  void fitCalibration();
  /// What follows from the request: the calibration, and which buttons can be pressed.
  void updateState();
  void updateRun();
  /// Never so narrow that an editor is cut off.
  void keepWidth();

  QuantRequest m_request;
  std::string m_builtFor;
  CalibrationForm* m_calibration = nullptr;
  LayerFilterForm* m_layers = nullptr;
  QComboBox* m_method = nullptr;
  QLabel* m_summary = nullptr;
  QVBoxLayout* m_groups = nullptr;
  QWidget* m_content = nullptr;
  QScrollArea* m_scroll = nullptr;
  QLabel* m_runNote = nullptr;
  QPushButton* m_run = nullptr;
  QPushButton* m_defaults = nullptr;
  QHash<QString, ParamEditor*> m_editors;
  bool m_showsMore = false;
  bool m_running = false;
  bool m_hasModel = false;
  bool m_canRunModel = false;
  bool m_choseCalibration = false;
  bool m_tookBuiltIn = false;  ///< the form chose the built-in text, not the person
};

}  // namespace qs
