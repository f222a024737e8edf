#include "ui/panels/layer_filter_form.h"

#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QRegularExpression>
#include <QStringList>

namespace qs {

LayerFilter parseLayerFilter(const QString& text) {
  static const QRegularExpression gaps(QStringLiteral("[\\s,;]+"));
  LayerFilter filter;
  for (const QString& word : text.split(gaps, Qt::SkipEmptyParts)) {
    const bool isLeftOut = word.startsWith(QLatin1Char('!'));
    const QString glob = isLeftOut ? word.mid(1) : word;
    if (!glob.isEmpty()) (isLeftOut ? filter.exclude : filter.include).push_back(glob.toStdString());
  }
  return filter;
}

QString layerFilterText(const LayerFilter& filter) {
  QStringList words;
  for (const std::string& glob : filter.include) words << QString::fromStdString(glob);
  for (const std::string& glob : filter.exclude) words << QLatin1Char('!') + QString::fromStdString(glob);
  return words.join(QLatin1Char(' '));
}

LayerFilterForm::LayerFilterForm(QWidget* parent) : QWidget(parent) {
  m_globs = new QLineEdit(this);
  m_globs->setObjectName(QStringLiteral("layerGlobs"));
  m_globs->setAccessibleName(tr("Layers to quantize"));
  m_globs->setProperty("framed", true);
  m_globs->setPlaceholderText(tr("all linears"));
  m_globs->setToolTip(
      tr("<p>Patterns of layer names: <b>*mlp*</b> takes only these, <b>!*down_proj</b> leaves these out. Spaces "
         "stand between patterns; * is any text, ? one character.</p>"));
  m_note = new QLabel(this);
  m_note->setObjectName(QStringLiteral("layerNote"));
  m_note->setWordWrap(true);
  m_note->setProperty("textStyle", QLatin1String("muted"));
  m_note->hide();
  auto* label = new QLabel(tr("Layers"), this);
  label->setBuddy(m_globs);
  label->setToolTip(m_globs->toolTip());
  auto* rows = new QFormLayout(this);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->setHorizontalSpacing(12);
  rows->setVerticalSpacing(4);
  rows->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
  rows->addRow(label, m_globs);
  rows->addRow(m_note);
  connect(m_globs, &QLineEdit::editingFinished, this, &LayerFilterForm::tell);
}

void LayerFilterForm::setFilter(const LayerFilter& filter) {
  if (filter == m_filter) return;
  m_filter = filter;
  m_globs->setText(layerFilterText(filter));
}

void LayerFilterForm::setNote(const QString& note) {
  m_note->setText(note);
  m_note->setVisible(!note.isEmpty());
}

void LayerFilterForm::tell() {
  const LayerFilter filter = parseLayerFilter(m_globs->text());
  if (filter == m_filter) return;
  m_filter = filter;
  Q_EMIT filterEdited(filter);
}

}  // namespace qs
