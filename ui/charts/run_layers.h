#pragma once

#include <QHash>
#include <QStringList>
#include <optional>
#include <vector>

#include "core/session/quant_report.h"
#include "ui/charts/report_text.h"

namespace qs {

/// A run's layers in the order of the model: their places before their reports have come.
class RunLayers {
 public:
  /// Expects these layers; forgets all reports.
  void setNames(const QStringList& names);
  /// Replaces all reports.
  void setReports(const std::vector<LayerReportPtr>& reports);
  /// Puts a report into its layer's place. A layer that wasn't expected gets the next one.
  void place(const LayerReportPtr& report);

  [[nodiscard]] std::size_t size() const { return m_reports.size(); }
  [[nodiscard]] bool isEmpty() const { return m_reports.empty(); }
  [[nodiscard]] const QString& name(std::size_t index) const { return m_names[static_cast<qsizetype>(index)]; }
  /// Null until it has come.
  [[nodiscard]] const LayerReportPtr& report(std::size_t index) const { return m_reports[index]; }
  [[nodiscard]] const LayerPlace& where(std::size_t index) const { return m_places[index]; }
  [[nodiscard]] std::optional<std::size_t> indexOf(const QString& name) const;
  /// A layer's report, or null.
  [[nodiscard]] LayerReportPtr reportOf(const QString& name) const;
  [[nodiscard]] int reportCount() const;
  /// "RTN 4-bit · 28 layers"; until all have come "12 of 28 layers".
  [[nodiscard]] QString heading(const QString& run) const;

 private:
  [[nodiscard]] QString countText() const;

  QStringList m_names;
  QHash<QString, std::size_t> m_indexOf;
  std::vector<LayerReportPtr> m_reports;
  std::vector<LayerPlace> m_places;
};

}  // namespace qs
