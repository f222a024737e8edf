#include "ui/charts/plot_exporter.h"

#include <QCoreApplication>
#include <QFile>
#include <QFileInfo>
#include <QFontMetricsF>
#include <QImage>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>
#include <algorithm>

#include "core/base/error.h"
#include "ui/charts/plot_layout.h"

namespace qs {
namespace {

[[noreturn]] void fail(const QString& path, const QString& reason) {
  throw failedError(path.toStdString(), reason.toStdString());
}

Palette exportColors(const PlotExportOptions& options) { return options.dark ? Palette::dark() : Palette::light(); }

double captionHeight(const PlotView& view, const PlotExportOptions& options) {
  return options.caption.isEmpty() ? 0 : QFontMetricsF(view.font()).height() + 12;
}

QSizeF fullSize(const PlotView& view, const PlotExportOptions& options) {
  return view.exportSize(options.size) + QSizeF(0, captionHeight(view, options));
}

void draw(QPainter& painter, const PlotView& view, const PlotExportOptions& options, bool vector) {
  const Palette colors = exportColors(options);
  painter.setFont(view.font());
  if (!options.transparent) painter.fillRect(QRectF(QPointF(0, 0), fullSize(view, options)), colors.base);
  const QSizeF size = view.exportSize(options.size);
  if (view.hasData()) view.drawForExport(painter, size, colors, vector);
  if (options.caption.isEmpty()) return;
  painter.setFont(view.font());
  painter.setPen(colors.mutedText);
  const QRectF line(kPlotMargin, size.height(), size.width() - 2 * kPlotMargin, captionHeight(view, options) - 6);
  painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter,
                   QFontMetricsF(view.font()).elidedText(options.caption, Qt::ElideMiddle, line.width()));
}

void writePng(const PlotView& view, const QString& path, const PlotExportOptions& options) {
  QImage image = plotImage(view, options);
  image.setText(QStringLiteral("Description"), options.caption);
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly) || !image.save(&file, "PNG") || !file.commit()) fail(path, file.errorString());
}

void writeSvg(const PlotView& view, const QString& path, const PlotExportOptions& options) {
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly)) fail(path, file.errorString());
  QSvgGenerator generator;
  generator.setOutputDevice(&file);
  const QSize size = fullSize(view, options).toSize();
  generator.setSize(size);
  generator.setViewBox(QRect(QPoint(0, 0), size));
  generator.setResolution(96);
  generator.setTitle(view.heading());
  generator.setDescription(options.caption);
  QPainter painter(&generator);
  draw(painter, view, options, true);
  painter.end();
  if (!file.commit()) fail(path, file.errorString());
}

void writePdf(const PlotView& view, const QString& path, const PlotExportOptions& options) {
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly)) fail(path, file.errorString());
  {
    QPdfWriter writer(&file);
    const QSizeF size = fullSize(view, options);
    writer.setPageSize(QPageSize(size * 0.75, QPageSize::Point, {}, QPageSize::ExactMatch));
    writer.setPageMargins(QMarginsF(0, 0, 0, 0));
    writer.setResolution(96);
    writer.setTitle(view.heading());
    writer.setCreator(QCoreApplication::applicationName());
    QPainter painter(&writer);
    draw(painter, view, options, true);
  }
  if (!file.commit()) fail(path, file.errorString());
}

}  // namespace

QImage plotImage(const PlotView& view, const PlotExportOptions& options) {
  const double scale = std::clamp(options.scale, 1.0, 4.0);
  QImage image((fullSize(view, options) * scale).toSize(), QImage::Format_ARGB32_Premultiplied);
  image.setDevicePixelRatio(scale);
  image.fill(Qt::transparent);
  QPainter painter(&image);
  draw(painter, view, options, false);
  return image;
}

void exportPlot(const PlotView& view, const QString& path, const PlotExportOptions& options) {
  const QString ending = QFileInfo(path).suffix().toLower();
  if (ending == QLatin1String("png")) return writePng(view, path, options);
  if (ending == QLatin1String("svg")) return writeSvg(view, path, options);
  if (ending == QLatin1String("pdf")) return writePdf(view, path, options);
  fail(path, QStringLiteral("a picture's name ends in .png, .svg or .pdf"));
}

void exportPlotData(const PlotView& view, const QString& path) {
  QSaveFile file(path);
  const QByteArray text = toCsv(view.tableData()).toUtf8();
  if (!file.open(QIODevice::WriteOnly) || file.write(text) != text.size() || !file.commit())
    fail(path, file.errorString());
}

}  // namespace qs
