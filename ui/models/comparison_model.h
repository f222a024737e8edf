#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <optional>
#include <vector>

#include "ui/support/marker.h"

namespace qs {

/// One row of the comparison: a run of one method, or the unquantized model. Absent numbers were not measured.
struct ComparisonEntry {
  enum class Status { Waiting, Running, Done, Stored, Stopped, Failed, Cancelled };

  int id = 0;  ///< names the row for as long as it stands
  QString method;
  int colorSlot = 0;
  Marker marker = Marker::Circle;
  QString settings;
  Status status = Status::Running;
  QString note;  ///< why it failed, or what it is doing
  std::optional<std::uint64_t> sizeBytes;
  std::optional<double> bitsPerWeight;
  std::optional<double> weightError;
  std::optional<double> outputError;
  std::optional<double> perplexity;
  std::optional<double> perplexityError;
  std::optional<double> perplexityChange;  ///< against the unquantized model
  std::optional<double> klDivergence;
  std::optional<double> klMedian;
  std::optional<double> klHighest;  ///< 99.9th percentile
  std::optional<double> topOneAgreement;
  std::optional<double> speedup;
  std::optional<double> speedupLow;  ///< of the slowest repeat
  bool speedupIsLeast = false;       ///< it was more, but for an F16 kernel below its bandwidth
  bool onlySimulated = false;        ///< no kernel decodes the format: there is no speed to measure
  std::optional<double> seconds;
};

/// The comparison table: formatted text to show, raw numbers in SortRole (none where nothing was measured). The best
/// value of a column is bold; the unquantized model has no part in that.
class ComparisonModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column {
    MethodColumn,
    SettingsColumn,
    SizeColumn,
    BitsColumn,
    WeightErrorColumn,
    OutputErrorColumn,
    PerplexityColumn,
    ChangeColumn,
    KlColumn,
    TopOneColumn,
    SpeedupColumn,
    SecondsColumn,
    StatusColumn,
    ColumnCount
  };

  using QAbstractTableModel::QAbstractTableModel;

  /// Adds a row, or replaces the one with the same id.
  void setRow(const ComparisonEntry& row);
  void removeRow(int id);
  void clear();
  [[nodiscard]] const std::vector<ComparisonEntry>& rows() const { return m_rows; }

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  [[nodiscard]] static QString columnTitle(int column);
  [[nodiscard]] static QString columnHelp(int column);
  /// The column's number; nothing for text columns and where it was not measured.
  [[nodiscard]] static std::optional<double> number(const ComparisonEntry& row, int column);
  [[nodiscard]] static QString text(const ComparisonEntry& row, int column);

 private:
  [[nodiscard]] bool isBest(const ComparisonEntry& row, int column) const;

  std::vector<ComparisonEntry> m_rows;
};

}  // namespace qs
