#pragma once

#include <QObject>
#include <functional>

#include "core/exporters/exporter.h"

namespace qs {

class MainWindow;
class PlotView;

/// What the Export menu does: asks for a file and hands over. Each of the write slots can be called without a dialog.
class ExportMenu : public QObject {
  Q_OBJECT

 public:
  explicit ExportMenu(MainWindow& window);

 public Q_SLOTS:
  /// Picture of the current plot, by the file's ending.
  void writePlot(const QString& path);
  void writeAllPlots(const QString& folder);
  void writePlotData(const QString& path);
  /// The comparison table: Markdown for .md, a picture for .png, else CSV.
  void writeTable(const QString& path);
  /// The shown run's layers with an exporter.
  void writeModel(const QString& exporterId, const QString& path, qs::ExportOptions options = {});
  void copyPlot();
  void copyTable();
  void copyCommandLine();

 private:
  void join();
  void writeTablePicture(const QString& path);
  void askWhereToWrite(const QString& title, const QStringList& filters, const QString& name, const QString& suffix,
                       const std::function<void(const QString&)>& write);
  void askForModel();
  void askWhereToExport(const QString& exporterId, const ExportOptions& options);
  [[nodiscard]] QString caption() const;
  [[nodiscard]] QString modelName() const;
  /// What files are proposed to be called, without their suffix.
  [[nodiscard]] QString plotName() const;
  [[nodiscard]] QString tableName() const;
  void tell(const QString& path);
  template <typename Work>
  void guarded(const QString& path, Work work);

  MainWindow& m_window;
};

}  // namespace qs
