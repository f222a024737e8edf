#include "ui/models/audit_model.h"

#include <limits>

#include "ui/support/item_roles.h"
#include "ui/support/number_format.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

const QString kDash = QStringLiteral("–");
constexpr int kCosineDecimals = 5;

bool isText(int column) {
  return column == AuditModel::TensorColumn || column == AuditModel::FaultColumn || column == AuditModel::TypeColumn;
}

QString faultText(const TensorAudit& tensor) {
  QStringList titles;
  for (const AuditFault& fault : tensor.faults) titles << QString::fromUtf8(faultTitle(fault.kind));
  return titles.isEmpty() ? QString() : QStringLiteral("⚠ ") + titles.join(QStringLiteral("; "));
}

QString shownText(const TensorAudit& tensor, int column) {
  switch (column) {
    case AuditModel::TensorColumn:
      return QString::fromStdString(tensor.name);
    case AuditModel::FaultColumn:
      return faultText(tensor);
    case AuditModel::TypeColumn:
      return tensor.quantizedType.empty() ? kDash : QString::fromStdString(tensor.quantizedType);
    case AuditModel::BitsColumn:
      return tensor.quantizedType.empty() ? kDash : number::bits(tensor.bitsPerWeight);
    case AuditModel::SqnrColumn:
      return tensor.figures ? number::decibels(tensor.figures->sqnrDb) : kDash;
    case AuditModel::CosineColumn:
      return tensor.figures ? number::fixed(tensor.figures->cosine, kCosineDecimals) : kDash;
    case AuditModel::MaxErrorColumn:
      return tensor.figures ? number::significant(tensor.figures->maxAbsError) : kDash;
    default:
      return {};
  }
}

QVariant sortValue(const TensorAudit& tensor, int column) {
  if (column == AuditModel::BitsColumn) return tensor.bitsPerWeight;
  if (isText(column)) return shownText(tensor, column);
  if (!tensor.figures) return std::numeric_limits<double>::infinity();
  switch (column) {
    case AuditModel::SqnrColumn:
      return tensor.figures->sqnrDb;
    case AuditModel::CosineColumn:
      return tensor.figures->cosine;
    default:
      return tensor.figures->maxAbsError;
  }
}

}  // namespace

void AuditModel::setReport(const AuditReportPtr& report) {
  beginResetModel();
  m_report = report;
  endResetModel();
}

QString AuditModel::details(const TensorAudit& tensor) {
  QStringList lines;
  for (const AuditFault& fault : tensor.faults)
    lines << QStringLiteral("⚠ %1: %2")
                 .arg(QString::fromUtf8(faultTitle(fault.kind)), QString::fromStdString(fault.message));
  if (!tensor.note.empty()) lines << QString::fromStdString(tensor.note);
  return lines.join(QLatin1Char('\n'));
}

int AuditModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !m_report ? 0 : static_cast<int>(m_report->tensors.size());
}

int AuditModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant AuditModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const TensorAudit& tensor = m_report->tensors[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return shownText(tensor, index.column());
    case SortRole:
      return sortValue(tensor, index.column());
    case NameRole:
      return QString::fromStdString(tensor.name);
    case FailedRole:
      return !tensor.faults.empty();
    case Qt::ToolTipRole: {
      const QString text = details(tensor);
      return wrappedToolTip(text.isEmpty() ? shownText(tensor, index.column()) : text);
    }
    case Qt::TextAlignmentRole:
      return QVariant((isText(index.column()) ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    default:
      return {};
  }
}

QVariant AuditModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount) return {};
  static const char* const titles[] = {QT_TR_NOOP("Tensor"),   QT_TR_NOOP("Fault"),      QT_TR_NOOP("SQNR"),
                                       QT_TR_NOOP("Cosine"),   QT_TR_NOOP("Max. error"), QT_TR_NOOP("Bits/weight"),
                                       QT_TR_NOOP("Stored as")};
  static const char* const help[] = {
      QT_TR_NOOP("Name in the original; in the checkpoint where the original has none"),
      QT_TR_NOOP("What is wrong; the row's tooltip tells the evidence"),
      QT_TR_NOOP("Signal to quantization noise: squared weights over squared error, folded input scales undone"),
      QT_TR_NOOP("Cosine of the angle between the original's values and the decoded ones"),
      QT_TR_NOOP("Largest difference between a value and the original's"),
      QT_TR_NOOP("Stored bits per weight, scales and zero points counted"),
      QT_TR_NOOP("How the checkpoint stores it")};
  if (role == Qt::DisplayRole) return tr(titles[section]);
  if (role == Qt::ToolTipRole) return wrappedToolTip(tr(help[section]));
  if (role == Qt::TextAlignmentRole)
    return QVariant((isText(section) ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
  return {};
}

}  // namespace qs
