#pragma once

#include <QDialog>
#include <vector>

#include "core/exporters/exporter.h"

class QComboBox;
class QFormLayout;
class QLabel;
class QListWidget;
class QPushButton;

namespace qs {

/// Which format a finished run is exported to, and what stands in its way: the preflight is shown before any work, with
/// what would have to change and which loaders take the result.
class ExportDialog : public QDialog {
  Q_OBJECT

 public:
  explicit ExportDialog(QWidget* parent);

  [[nodiscard]] QString exporterId() const;
  /// The format's own options; the path isn't known yet.
  [[nodiscard]] ExportOptions options() const;

 public Q_SLOTS:
  /// Asks for the chosen format's preflight.
  void askForPreflight();
  void setFindings(const std::vector<qs::PreflightFinding>& findings);

 Q_SIGNALS:
  void preflightRequested(const QString& exporterId, const qs::ExportOptions& options);
  void exportRequested(const QString& exporterId, const qs::ExportOptions& options);

 private:
  QComboBox* addChoice(const char* name, const QString& label, const QString& accessibleName);
  void fillGgufTypes();
  void showChoices();

  QFormLayout* m_rows = nullptr;
  QComboBox* m_format = nullptr;
  QComboBox* m_ggufType = nullptr;
  QComboBox* m_gptqVersion = nullptr;
  QComboBox* m_dtype = nullptr;
  QLabel* m_loaders = nullptr;
  QListWidget* m_findings = nullptr;
  QPushButton* m_export = nullptr;
};

}  // namespace qs
