#pragma once

#include <QDialog>
#include <filesystem>
#include <vector>

#include "ui/controllers/compare_controller.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QListWidget;
class QPushButton;
class QSpinBox;

namespace qs {

/// The texts that come with the program.
struct BuiltInTexts {
  std::filesystem::path calibration;
  std::filesystem::path evaluation;
  std::filesystem::path training = {};
};

/// Which methods a comparison runs, and on which texts it calibrates and measures them.
class CompareDialog : public QDialog {
  Q_OBJECT

 public:
  /// `base` gives layers, overrides and seed, and the settings of its method; the others come with their defaults.
  CompareDialog(const QuantRequest& base, BuiltInTexts texts, QWidget* parent);

  [[nodiscard]] ComparisonPlan plan() const;

 Q_SIGNALS:
  void comparisonRequested(const qs::ComparisonPlan& plan);

 private:
  void addMethods();
  QComboBox* addText(const QString& name, const QString& builtIn);
  void askForText(QComboBox* box);
  void update();

  QuantRequest m_base;
  BuiltInTexts m_texts;
  QListWidget* m_methods = nullptr;
  QComboBox* m_calibration = nullptr;
  QComboBox* m_evaluation = nullptr;
  QSpinBox* m_windows = nullptr;
  QCheckBox* m_sequential = nullptr;
  QLabel* m_warning = nullptr;
  QPushButton* m_start = nullptr;
};

}  // namespace qs
