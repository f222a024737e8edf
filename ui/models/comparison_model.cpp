#include "ui/models/comparison_model.h"

#include <QFont>
#include <algorithm>

#include "ui/support/item_roles.h"
#include "ui/support/number_format.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

QString statusText(ComparisonEntry::Status status) {
  switch (status) {
    case ComparisonEntry::Status::Waiting:
      return ComparisonModel::tr("waiting");
    case ComparisonEntry::Status::Running:
      return ComparisonModel::tr("running");
    case ComparisonEntry::Status::Done:
      return ComparisonModel::tr("done");
    case ComparisonEntry::Status::Stored:
      return ComparisonModel::tr("stored");
    case ComparisonEntry::Status::Stopped:
      return ComparisonModel::tr("stopped early");
    case ComparisonEntry::Status::Failed:
      return ComparisonModel::tr("failed");
    case ComparisonEntry::Status::Cancelled:
      return ComparisonModel::tr("cancelled");
  }
  return {};
}

/// +1 where more is better, −1 where less is, 0 where neither is marked.
int preference(int column) {
  switch (column) {
    case ComparisonModel::SizeColumn:
    case ComparisonModel::BitsColumn:
    case ComparisonModel::WeightErrorColumn:
    case ComparisonModel::OutputErrorColumn:
    case ComparisonModel::PerplexityColumn:
    case ComparisonModel::ChangeColumn:
    case ComparisonModel::KlColumn:
      return -1;
    case ComparisonModel::TopOneColumn:
    case ComparisonModel::SpeedupColumn:
      return 1;
    default:
      return 0;
  }
}

template <typename Format>
QString textOr(const std::optional<double>& value, Format format) {
  return value ? format(*value) : QStringLiteral("–");
}

bool isText(int column) {
  return column == ComparisonModel::MethodColumn || column == ComparisonModel::SettingsColumn ||
         column == ComparisonModel::StatusColumn;
}

QString speedText(const ComparisonEntry& row) {
  if (!row.speedup) return row.onlySimulated ? number::notMeasured() : QStringLiteral("–");
  const QString best = (row.speedupIsLeast ? QStringLiteral("≥ ") : QString()) + number::factor(*row.speedup);
  if (!row.speedupLow) return best;
  return ComparisonModel::tr("%1 (%2)").arg(best, number::significant(*row.speedupLow, 2));
}

QString divergenceText(const ComparisonEntry& row) {
  if (!row.klMedian || !row.klHighest) return {};
  return ComparisonModel::tr("median %1, 99.9th percentile %2 nats")
      .arg(number::significant(*row.klMedian), number::significant(*row.klHighest));
}

/// More than the cell says, or at least its whole text.
QString toolTip(const ComparisonEntry& row, int column) {
  const bool failed = row.status == ComparisonEntry::Status::Failed;
  if (!row.note.isEmpty() && (failed || column == ComparisonModel::StatusColumn)) return row.note;
  if (column == ComparisonModel::SizeColumn && row.sizeBytes) return number::exactBytes(*row.sizeBytes);
  if (column == ComparisonModel::KlColumn && row.klMedian) return divergenceText(row);
  if (column == ComparisonModel::MethodColumn) return ComparisonModel::tr("%1: %2").arg(row.method, row.settings);
  return ComparisonModel::text(row, column);
}

constexpr int kReferenceSlot = 0;  ///< the unquantized model: never the best of its column

}  // namespace

void ComparisonModel::setRow(const ComparisonEntry& row) {
  const auto known = std::ranges::find(m_rows, row.id, &ComparisonEntry::id);
  if (known == m_rows.end()) {
    const int count = rowCount();
    beginInsertRows({}, count, count);
    m_rows.push_back(row);
    endInsertRows();
  } else {
    *known = row;
  }
  Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1));  // the best values may have moved
}

void ComparisonModel::removeRow(int id) {
  const auto known = std::ranges::find(m_rows, id, &ComparisonEntry::id);
  if (known == m_rows.end()) return;
  const int row = static_cast<int>(known - m_rows.begin());
  beginRemoveRows({}, row, row);
  m_rows.erase(known);
  endRemoveRows();
}

void ComparisonModel::clear() {
  beginResetModel();
  m_rows.clear();
  endResetModel();
}

int ComparisonModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int ComparisonModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

std::optional<double> ComparisonModel::number(const ComparisonEntry& row, int column) {
  switch (column) {
    case SizeColumn:
      return row.sizeBytes ? std::optional(static_cast<double>(*row.sizeBytes)) : std::nullopt;
    case BitsColumn:
      return row.bitsPerWeight;
    case WeightErrorColumn:
      return row.weightError;
    case OutputErrorColumn:
      return row.outputError;
    case PerplexityColumn:
      return row.perplexity;
    case ChangeColumn:
      return row.perplexityChange;
    case KlColumn:
      return row.klDivergence;
    case TopOneColumn:
      return row.topOneAgreement;
    case SpeedupColumn:
      return row.speedup;
    case SecondsColumn:
      return row.seconds;
    default:
      return std::nullopt;
  }
}

QString ComparisonModel::text(const ComparisonEntry& row, int column) {
  switch (column) {
    case MethodColumn:
      return row.method;
    case SettingsColumn:
      return row.settings;
    case SizeColumn:
      return row.sizeBytes ? number::size(*row.sizeBytes) : QStringLiteral("–");
    case BitsColumn:
      return textOr(row.bitsPerWeight, [](double value) { return number::bits(value); });
    case WeightErrorColumn:
      return textOr(row.weightError, [](double value) { return number::percent(value); });
    case OutputErrorColumn:
      return textOr(row.outputError, [](double value) { return number::percent(value); });
    case PerplexityColumn:
      return textOr(row.perplexity, [&](double value) { return number::perplexity(value, row.perplexityError); });
    case ChangeColumn:
      return row.colorSlot == kReferenceSlot
                 ? QStringLiteral("–")
                 : textOr(row.perplexityChange, [](double value) { return number::difference(value); });
    case KlColumn:
      return textOr(row.klDivergence, [](double value) { return number::significant(value); });
    case TopOneColumn:
      return textOr(row.topOneAgreement, [](double value) { return number::percent(value); });
    case SpeedupColumn:
      return speedText(row);
    case SecondsColumn:
      return textOr(row.seconds, [](double value) { return number::duration(value); });
    case StatusColumn:
      return row.note.isEmpty() || row.status == ComparisonEntry::Status::Failed
                 ? statusText(row.status)
                 : statusText(row.status) + QStringLiteral(" ⚠");
    default:
      return {};
  }
}

bool ComparisonModel::isBest(const ComparisonEntry& row, int column) const {
  const int wanted = preference(column);
  const auto own = number(row, column);
  if (wanted == 0 || !own || row.colorSlot == kReferenceSlot) return false;
  int others = 0;
  for (const ComparisonEntry& other : m_rows) {
    const auto value = number(other, column);
    if (!value || other.id == row.id || other.colorSlot == kReferenceSlot) continue;
    ++others;
    if (wanted * (*value - *own) > 0) return false;
  }
  return others > 0;
}

QVariant ComparisonModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const ComparisonEntry& row = m_rows[static_cast<std::size_t>(index.row())];
  const int column = index.column();
  switch (role) {
    case Qt::DisplayRole:
      return text(row, column);
    case SortRole: {
      if (isText(column)) return text(row, column);
      const auto value = number(row, column);
      return value ? QVariant(*value) : QVariant();
    }
    case NameRole:
      return row.id;
    case ColorSlotRole:
      return column == MethodColumn ? QVariant(row.colorSlot) : QVariant();
    case MarkerRole:
      return static_cast<int>(row.marker);
    case ReferenceRole:
      return row.colorSlot == kReferenceSlot;
    case FailedRole:
      return row.status == ComparisonEntry::Status::Failed;
    case Qt::ToolTipRole:
      return wrappedToolTip(toolTip(row, column));
    case Qt::FontRole:
      if (!isBest(row, column)) return {};
      return [] {
        QFont font;
        font.setBold(true);
        return QVariant(font);
      }();
    case Qt::TextAlignmentRole:
      return QVariant((isText(column) ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    default:
      return {};
  }
}

QString ComparisonModel::columnTitle(int column) {
  static const char* const titles[] = {QT_TR_NOOP("Method"),      QT_TR_NOOP("Settings"),  QT_TR_NOOP("Size"),
                                       QT_TR_NOOP("Bits/weight"), QT_TR_NOOP("Wt. error"), QT_TR_NOOP("Out. error"),
                                       QT_TR_NOOP("Perplexity"),  QT_TR_NOOP("Change"),    QT_TR_NOOP("KL"),
                                       QT_TR_NOOP("Top-1"),       QT_TR_NOOP("Speed-up"),  QT_TR_NOOP("Time"),
                                       QT_TR_NOOP("Status")};
  return column >= 0 && column < ColumnCount ? tr(titles[column]) : QString();
}

QString ComparisonModel::columnHelp(int column) {
  switch (column) {
    case SizeColumn:
      return tr("Size of the whole model: quantized layers as stored, the other tensors as they are");
    case BitsColumn:
      return tr("Stored bits per quantized weight, scales and zero points counted");
    case WeightErrorColumn:
      return tr("Relative weight error, mean over the layers: squared error over squared weights");
    case OutputErrorColumn:
      return tr("Relative output error over the calibration inputs, mean over the layers");
    case PerplexityColumn:
      return tr("Perplexity on the evaluation text, with its standard error");
    case ChangeColumn:
      return tr("Perplexity minus that of the unquantized model on the same text");
    case KlColumn:
      return tr("Mean KL divergence of the next-token probabilities from the unquantized model, in nats");
    case TopOneColumn:
      return tr("How often the most likely next token is that of the unquantized model");
    case SpeedupColumn:
      return tr(
          "Decoding speed against F16 weights, measured on this machine with the model's layer shapes: the best "
          "repeat, and the slowest in brackets. ≥ stands where it was more than the ratio of bytes read explains.");
    case SecondsColumn:
      return tr("Time that quantizing took");
    default:
      return {};
  }
}

QVariant ComparisonModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::DisplayRole) return columnTitle(section);
  if (role == Qt::ToolTipRole) return wrappedToolTip(columnHelp(section));
  if (role == Qt::TextAlignmentRole) {
    return QVariant((isText(section) ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
  }
  return {};
}

}  // namespace qs
