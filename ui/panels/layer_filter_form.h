#pragma once

#include <QWidget>

#include "core/session/layer_filter.h"

class QLabel;
class QLineEdit;

namespace qs {

/// A filter as a person writes it: globs on layer names with spaces between them, those to leave out behind a "!".
[[nodiscard]] LayerFilter parseLayerFilter(const QString& text);
[[nodiscard]] QString layerFilterText(const LayerFilter& filter);

/// Which layers a run quantizes: a line for the globs, and below it how many layers they choose.
class LayerFilterForm : public QWidget {
  Q_OBJECT

 public:
  explicit LayerFilterForm(QWidget* parent = nullptr);

 public Q_SLOTS:
  /// Shows a filter; gives no signal.
  void setFilter(const qs::LayerFilter& filter);
  /// What the filter chooses, or why it chooses nothing; empty hides the line.
  void setNote(const QString& note);

 Q_SIGNALS:
  void filterEdited(const qs::LayerFilter& filter);

 private:
  void tell();

  LayerFilter m_filter;
  QLineEdit* m_globs = nullptr;
  QLabel* m_note = nullptr;
};

}  // namespace qs
