#pragma once

#include <QWidget>

#include "core/session/quant_report.h"
#include "core/tensor/tensor_info.h"

class QLabel;
class QTreeWidget;
class QTreeWidgetItem;

namespace qs {

/// Everything that is known of the selected tensor, as numbers: what it is, what it takes, how large the errors are
/// (each with its definition as a tooltip), its outlier channels, and what the method noted.
class InspectorPanel : public QWidget {
  Q_OBJECT

 public:
  explicit InspectorPanel(QWidget* parent = nullptr);

 public Q_SLOTS:
  /// Shows a tensor as stored, a linear's perhaps with its inputs first; forgets the report.
  void setTensor(const qs::TensorInfo& tensor, const QString& file, bool isTransposed = false);
  /// Adds what quantizing it gave; null takes it away. A report without a method describes the weights alone.
  void setReport(const qs::LayerReportPtr& report);
  /// What the pinned run B gave for the layer: stands under each error, with the difference. Null takes it away.
  void setPinned(const qs::LayerReportPtr& report);
  void clear();

 Q_SIGNALS:
  void channelSelected(quint32 channel);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  struct ErrorFigure;

  void refresh();
  /// The name on one line: what of it doesn't fit is elided in the middle, and in the tooltip.
  void fitTitle();
  QTreeWidgetItem* section(const QString& title);
  void fact(QTreeWidgetItem* section, const QString& name, const QString& value, const QString& help = {});
  /// A text across both columns.
  static void line(QTreeWidgetItem* section, const QString& text);
  void addTensor();
  void addSize();
  void addErrors();
  /// An error figure, under it that of the pinned run.
  void error(QTreeWidgetItem* section, const ErrorFigure& figure);
  void addOutliers();
  void addMethod();

  TensorInfo m_tensor;
  bool m_isTransposed = false;
  QString m_file;
  QString m_name;
  LayerReportPtr m_report;
  LayerReportPtr m_pinned;
  QLabel* m_title = nullptr;
  QLabel* m_subtitle = nullptr;
  QTreeWidget* m_facts = nullptr;
};

}  // namespace qs
