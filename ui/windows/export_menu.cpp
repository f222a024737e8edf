#include "ui/windows/export_menu.h"

#include <QClipboard>
#include <QCoreApplication>
#include <QDir>
#include <QFileDialog>
#include <QGuiApplication>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/session/command_line.h"
#include "ui/charts/plot_exporter.h"
#include "ui/controllers/error_message.h"
#include "ui/panels/comparison_panel.h"
#include "ui/panels/message_bar.h"
#include "ui/support/file_dialogs.h"
#include "ui/windows/export_dialog.h"
#include "ui/windows/main_window.h"
#include "ui/windows/run_description.h"
#include "ui/windows/view_area.h"

namespace qs {

ExportMenu::ExportMenu(MainWindow& window) : QObject(&window), m_window(window) { join(); }

void ExportMenu::join() {
  const WindowActions& actions = m_window.actions();
  const QStringList pictures{tr("PNG picture (*.png)"), tr("SVG drawing (*.svg)"), tr("PDF (*.pdf)")};
  connect(actions.exportPlot, &QAction::triggered, this, [this, pictures] {
    askWhereToWrite(tr("Export plot"), pictures, plotName(), QStringLiteral("png"),
                    [this](const QString& path) { writePlot(path); });
  });
  connect(actions.exportData, &QAction::triggered, this, [this] {
    askWhereToWrite(tr("Export data of this plot"), {tr("CSV table (*.csv)")}, plotName(), QStringLiteral("csv"),
                    [this](const QString& path) { writePlotData(path); });
  });
  connect(actions.exportTableCsv, &QAction::triggered, this, [this] {
    askWhereToWrite(tr("Export comparison table"), {tr("CSV table (*.csv)")}, tableName(), QStringLiteral("csv"),
                    [this](const QString& path) { writeTable(path); });
  });
  connect(actions.exportTableMarkdown, &QAction::triggered, this, [this] {
    askWhereToWrite(tr("Export comparison table"), {tr("Markdown (*.md)")}, tableName(), QStringLiteral("md"),
                    [this](const QString& path) { writeTable(path); });
  });
  connect(actions.exportTablePicture, &QAction::triggered, this, [this] {
    askWhereToWrite(tr("Export comparison table"), {tr("PNG picture (*.png)")}, tableName(), QStringLiteral("png"),
                    [this](const QString& path) { writeTable(path); });
  });
  connect(actions.exportAllPlots, &QAction::triggered, this, [this] {
    auto* dialog = new QFileDialog(&m_window, tr("Folder for the plots"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    startInLastFolder(*dialog);
    connect(dialog, &QFileDialog::fileSelected, this, &ExportMenu::writeAllPlots);
    dialog->open();
  });
  connect(actions.exportModel, &QAction::triggered, this, &ExportMenu::askForModel);
}

void ExportMenu::askWhereToWrite(const QString& title, const QStringList& filters, const QString& name,
                                 const QString& suffix, const std::function<void(const QString&)>& write) {
  auto* dialog = new QFileDialog(&m_window, title);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters(filters);
  dialog->setDefaultSuffix(suffix);
  startInLastFolder(*dialog, suffix.isEmpty() ? name : name + QLatin1Char('.') + suffix);
  connect(dialog, &QFileDialog::fileSelected, this, write);
  dialog->open();
}

void ExportMenu::askForModel() {
  Workbench& bench = m_window.workbench();
  const FinishedRunPtr run = bench.shownRun();
  if (!run) return;
  auto* dialog = new ExportDialog(&m_window);
  dialog->setObjectName(QStringLiteral("exportDialog"));
  connect(
      dialog, &ExportDialog::preflightRequested, &bench.exports,
      [&bench, run](const QString& id, const ExportOptions& options) { bench.exports.preflight(run, id, options); });
  connect(&bench.exports, &ExportController::preflightReady, dialog, &ExportDialog::setFindings);
  connect(dialog, &ExportDialog::exportRequested, this, &ExportMenu::askWhereToExport);
  dialog->open();
  dialog->askForPreflight();
}

void ExportMenu::askWhereToExport(const QString& exporterId, const ExportOptions& options) {
  const ExporterInfo& exporter = requireExporter(exporterId.toStdString());
  const QString name = QString::fromStdString(exporter.name);
  const QString suffix = QString::fromStdString(exporter.suffix).mid(1);
  const QStringList filters =
      suffix.isEmpty() ? QStringList{tr("Folder (*)")} : QStringList{QStringLiteral("%1 (*.%2)").arg(name, suffix)};
  const FinishedRunPtr run = m_window.workbench().shownRun();
  const QString method = run ? QString::fromStdString(run->request.method) : QString();
  const QString proposed = fileNameOf({modelName(), method, suffix.isEmpty() ? exporterId : QString()});
  askWhereToWrite(tr("Export as %1").arg(name), filters, proposed, suffix,
                  [this, exporterId, options](const QString& path) { writeModel(exporterId, path, options); });
}

QString ExportMenu::modelName() const {
  const CheckpointPtr& model = m_window.workbench().model.model();
  return model ? QString::fromStdString(model->displayName()) : QString();
}

QString ExportMenu::plotName() const {
  const PlotView* plot = m_window.views().currentPlot();
  for (const ViewArea::View view : ViewArea::allViews())
    if (m_window.views().plot(view) == plot)
      return fileNameOf({modelName(), QString::fromStdString(m_window.workbench().request.request().method),
                         ViewArea::fileName(view)});
  return fileNameOf({modelName()});
}

QString ExportMenu::tableName() const { return fileNameOf({modelName(), QStringLiteral("comparison")}); }

QString ExportMenu::caption() const {
  Workbench& bench = m_window.workbench();
  if (!bench.model.model()) return {};
  const QuantRequest& request = bench.request.request();
  return QStringLiteral("%1 · %2 %3 · QuantScope %4")
      .arg(QString::fromStdString(bench.model.model()->displayName()), styleOf(request.method).name,
           settingsText(request), QCoreApplication::applicationVersion());
}

void ExportMenu::tell(const QString& path) {
  m_window.messages().showMessage(
      {UserMessage::Severity::Information, tr("Written"), QDir::toNativeSeparators(path), {}});
}

template <typename Work>
void ExportMenu::guarded(const QString& path, Work work) {
  try {
    work();
    tell(path);
  } catch (const std::exception& error) {
    m_window.messages().showMessage(errorMessage(tr("%1 was not written").arg(path), toJobError(error)));
  }
}

void ExportMenu::writePlot(const QString& path) {
  const PlotView* plot = m_window.views().currentPlot();
  if (plot == nullptr) return;
  guarded(path, [&] { exportPlot(*plot, path, {.caption = caption()}); });
}

void ExportMenu::writeAllPlots(const QString& folder) {
  guarded(folder, [&] {
    for (const ViewArea::View view : ViewArea::allViews()) {
      const PlotView* plot = m_window.views().plot(view);
      const QString path = QDir(folder).filePath(ViewArea::fileName(view) + QStringLiteral(".png"));
      if (plot->hasData()) exportPlot(*plot, path, {.caption = caption()});
    }
  });
}

void ExportMenu::writePlotData(const QString& path) {
  const PlotView* plot = m_window.views().currentPlot();
  if (plot == nullptr) return;
  guarded(path, [&] { exportPlotData(*plot, path); });
}

void ExportMenu::writeTable(const QString& path) {
  if (path.endsWith(QStringLiteral(".png"), Qt::CaseInsensitive)) return writeTablePicture(path);
  const auto& rows = m_window.workbench().comparison.rows();
  const bool isMarkdown = path.endsWith(QStringLiteral(".md"), Qt::CaseInsensitive);
  m_window.workbench().exports.exportText(path, isMarkdown ? toMarkdown(rows) : toCsv(rows));
}

void ExportMenu::writeTablePicture(const QString& path) {
  guarded(path, [&] {
    if (!m_window.docks().comparison->picture().save(path)) throw failedError(path.toStdString(), "can't be written");
  });
}

void ExportMenu::writeModel(const QString& exporterId, const QString& path, ExportOptions options) {
  Workbench& bench = m_window.workbench();
  if (!bench.shownRun()) return;
  options.path = path.toStdString();
  options.replace = true;  // the dialog has asked
  bench.exports.exportRun(bench.shownRun(), exporterId, options);
}

void ExportMenu::copyPlot() {
  const PlotView* plot = m_window.views().currentPlot();
  if (plot != nullptr && plot->hasData())
    QGuiApplication::clipboard()->setImage(plotImage(*plot, {.caption = caption()}));
}

void ExportMenu::copyTable() { QGuiApplication::clipboard()->setText(m_window.docks().comparison->selectedText()); }

void ExportMenu::copyCommandLine() {
  Workbench& bench = m_window.workbench();
  const std::string command =
      commandLineOf(bench.model.path().toStdString(), bench.request.request(), "safetensors", "quantized.safetensors");
  QGuiApplication::clipboard()->setText(QString::fromStdString(command));
  m_window.messages().showMessage(
      {UserMessage::Severity::Information, tr("Copied"), QString::fromStdString(command), {}});
}

}  // namespace qs
