#include "ui/charts/run_layers.h"

#include <QCoreApplication>
#include <algorithm>

#include "ui/support/number_format.h"

namespace qs {
namespace {

QString translate(const char* text) { return QCoreApplication::translate("RunLayers", text); }

}  // namespace

void RunLayers::setNames(const QStringList& names) {
  m_names = names;
  m_indexOf.clear();
  m_places.clear();
  for (const QString& name : names) {
    m_indexOf.insert(name, m_places.size());
    m_places.push_back(placeOf(name));
  }
  m_reports.assign(m_places.size(), nullptr);
}

void RunLayers::setReports(const std::vector<LayerReportPtr>& reports) {
  std::fill(m_reports.begin(), m_reports.end(), nullptr);
  for (const LayerReportPtr& report : reports) place(report);
}

void RunLayers::place(const LayerReportPtr& report) {
  if (!report) return;
  const QString name = QString::fromStdString(report->name);
  auto found = m_indexOf.find(name);
  if (found == m_indexOf.end()) {
    found = m_indexOf.insert(name, m_reports.size());
    m_names += name;
    m_places.push_back(placeOf(name));
    m_reports.push_back(nullptr);
  }
  m_reports[*found] = report;
}

std::optional<std::size_t> RunLayers::indexOf(const QString& name) const {
  const auto found = m_indexOf.find(name);
  return found == m_indexOf.end() ? std::nullopt : std::optional(*found);
}

LayerReportPtr RunLayers::reportOf(const QString& name) const {
  const auto index = indexOf(name);
  return index ? m_reports[*index] : nullptr;
}

int RunLayers::reportCount() const {
  return static_cast<int>(std::ranges::count_if(m_reports, [](const auto& report) { return report != nullptr; }));
}

QString RunLayers::countText() const {
  const auto come = static_cast<std::uint64_t>(reportCount());
  if (come == size()) return number::counted(size(), translate("1 layer"), translate("%1 layers"));
  return translate("%1 of %2 layers").arg(number::count(come), number::count(size()));
}

QString RunLayers::heading(const QString& run) const {
  if (isEmpty()) return run;
  return run.isEmpty() ? countText() : run + QStringLiteral("  ·  ") + countText();
}

}  // namespace qs
