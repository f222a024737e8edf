#pragma once

#include <QImage>
#include <QString>

#include "ui/charts/plot_view.h"

namespace qs {

/// How a plot is written to a file.
struct PlotExportOptions {
  QSizeF size{960, 540};     ///< logical pixels, without the caption; higher where all of the data needs it
  double scale = 2;          ///< 1…4, PNG only
  bool transparent = false;  ///< PNG only: no ground
  bool dark = false;         ///< the light colours are the default whatever the window shows
  QString caption;           ///< model, configuration and version; below the plot and in the file's description
};

/// Writes a view as a picture by the file's ending: .png, .svg (text stays text, one path a series) or .pdf. Throws
/// Error naming the file.
void exportPlot(const PlotView& view, const QString& path, const PlotExportOptions& options);

/// The view as an image: for the clipboard.
[[nodiscard]] QImage plotImage(const PlotView& view, const PlotExportOptions& options);

/// Writes the view's data as CSV. Throws Error naming the file.
void exportPlotData(const PlotView& view, const QString& path);

}  // namespace qs
