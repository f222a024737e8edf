#pragma once

#include <QAbstractTableModel>

#include "core/session/audit/audit_report.h"

namespace qs {

/// An audit as a table, one row a tensor: formatted text to show, raw numbers in SortRole. Rows with faults are marked
/// by FailedRole; their tooltip is the evidence.
class AuditModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column {
    TensorColumn,
    FaultColumn,
    SqnrColumn,
    CosineColumn,
    MaxErrorColumn,
    BitsColumn,
    TypeColumn,
    ColumnCount
  };

  using QAbstractTableModel::QAbstractTableModel;

  void setReport(const AuditReportPtr& report);
  [[nodiscard]] const AuditReportPtr& report() const { return m_report; }
  /// Everything that was found of a row's tensor, in lines.
  [[nodiscard]] static QString details(const TensorAudit& tensor);

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  AuditReportPtr m_report;
};

}  // namespace qs
