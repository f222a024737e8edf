#pragma once

#include <QWidget>
#include <filesystem>

#include "core/session/quant_request.h"

class QCheckBox;
class QComboBox;
class QLabel;

namespace qs {

/// Where the calibration inputs come from: nowhere, from running the model over a text, or from an activations file;
/// and whether some of them are kept out to measure with.
class CalibrationForm : public QWidget {
  Q_OBJECT

 public:
  explicit CalibrationForm(QWidget* parent = nullptr);

  /// The text that "built-in" means.
  void setBuiltInText(const std::filesystem::path& file);
  [[nodiscard]] const std::filesystem::path& builtInText() const { return m_builtIn; }
  /// Whether a method at work can't do without, and whether the model can be run to give it; says so in a hint.
  void setNeeded(bool needed, bool canRunModel);

 public Q_SLOTS:
  /// Shows a choice; gives no signal.
  void setCalibration(const qs::CalibrationSource& calibration);

 Q_SIGNALS:
  void calibrationEdited(const qs::CalibrationSource& calibration);

 private:
  void choose(int index);
  void askForFile(bool activations);
  void tell();
  void update();

  CalibrationSource m_calibration;
  std::filesystem::path m_builtIn;
  bool m_needed = false;
  bool m_canRunModel = false;
  QComboBox* m_source = nullptr;
  QCheckBox* m_sequential = nullptr;
  QCheckBox* m_holdOut = nullptr;
  QLabel* m_hint = nullptr;
};

}  // namespace qs
