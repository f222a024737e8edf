#include "ui/panels/model_panel.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QScrollBar>
#include <QSortFilterProxyModel>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/panels/bar_delegate.h"
#include "ui/support/item_roles.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr int kFilterDelay = 60;  ///< ms of quiet before the filter acts
constexpr int kLeastNameWidth = 80;
constexpr int kMargin = 8;
constexpr int kErrorColumn = 1;
constexpr int kDifferenceColumn = 2;

/// Room for the longest number of the error column, its margins and the sort arrow beside the title.
int errorWidth(const QTreeView& tree) {
  constexpr int kMargins = 16;
  return tree.fontMetrics().horizontalAdvance(QStringLiteral("0.00088\u00a0%")) + kMargins;
}

int countTensors(const QAbstractItemModel& model, const QModelIndex& parent = {}) {
  int count = 0;
  for (int row = 0; row < model.rowCount(parent); ++row) {
    const QModelIndex index = model.index(row, 0, parent);
    count += model.hasChildren(index) ? countTensors(model, index) : 1;
  }
  return count;
}

}  // namespace

ModelPanel::ModelPanel(QWidget* parent) : QWidget(parent) {
  m_filter = new QLineEdit(this);
  m_filter->setObjectName(QStringLiteral("tensorFilter"));
  m_filter->setPlaceholderText(tr("Filter tensors"));
  m_filter->setClearButtonEnabled(true);
  m_filter->setProperty("framed", true);
  m_filter->setAccessibleName(tr("Filter tensors"));
  m_filter->setToolTip(tr("Words that a tensor's name must hold, e.g. “3 down”"));
  m_tree = new QTreeView(this);
  m_tree->setObjectName(QStringLiteral("tensorTree"));
  m_tree->setAccessibleName(tr("Tensors of the model"));
  m_tree->setUniformRowHeights(true);
  m_tree->setSortingEnabled(true);
  m_tree->setFrameShape(QFrame::NoFrame);
  m_tree->setIndentation(12);
  m_tree->setTextElideMode(Qt::ElideMiddle);
  m_tree->setItemDelegate(new BarDelegate(m_tree));
  m_tree->setAllColumnsShowFocus(true);
  m_tree->setAutoScroll(false);
  m_tree->viewport()->installEventFilter(this);
  m_noHits = new QLabel(this);
  m_noHits->setObjectName(QStringLiteral("noTensors"));
  m_noHits->setProperty("textStyle", QLatin1String("muted"));
  m_noHits->setTextFormat(Qt::PlainText);
  m_noHits->setWordWrap(true);
  m_noHits->hide();
  m_count = new QLabel(this);
  m_count->setProperty("textStyle", QLatin1String("muted"));

  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, kMargin, 0, 6);
  layout->setSpacing(6);
  for (QWidget* inset : std::initializer_list<QWidget*>{m_filter, m_noHits, m_count}) {
    auto* row = new QHBoxLayout;
    row->setContentsMargins(kMargin, 0, kMargin, 0);
    row->addWidget(inset);
    layout->addLayout(row);
  }
  layout->insertWidget(2, m_tree, 1);
  layout->addStretch();

  m_filterTimer.setSingleShot(true);
  m_filterTimer.setInterval(kFilterDelay);
  connect(m_filter, &QLineEdit::textChanged, &m_filterTimer, qOverload<>(&QTimer::start));
  connect(&m_filterTimer, &QTimer::timeout, this, &ModelPanel::applyFilter);
  connect(m_filter, &QLineEdit::returnPressed, m_tree, qOverload<>(&QWidget::setFocus));
}

void ModelPanel::setModel(QSortFilterProxyModel* proxy, std::function<void(const QString&)> setFilter) {
  m_proxy = proxy;
  m_setFilter = std::move(setFilter);
  m_tree->setModel(m_proxy);
  m_tree->sortByColumn(-1, Qt::AscendingOrder);
  m_tree->setColumnHidden(kDifferenceColumn, true);
  showAll();
}

void ModelPanel::showAll() {
  m_layer.clear();
  m_tree->expandAll();
  m_tree->header()->setStretchLastSection(false);
  if (m_tree->header()->count() > 1) {
    for (const int column : {kErrorColumn, kDifferenceColumn})
      m_tree->header()->resizeSection(column, errorWidth(*m_tree));
    m_tree->resizeColumnToContents(0);
    m_nameWidth = m_tree->header()->sectionSize(0);
    for (int column = kDifferenceColumn + 1; column < m_tree->header()->count(); ++column)
      m_tree->resizeColumnToContents(column);
    fitName();
  }
  if (m_tree->selectionModel() != nullptr) {
    connect(m_tree->selectionModel(), &QItemSelectionModel::currentChanged, this, &ModelPanel::tellCurrent,
            Qt::UniqueConnection);
  }
  updateCount();
}

void ModelPanel::fitName() {
  if (m_tree->header()->count() < 2) return;
  const int numbers = m_tree->isColumnHidden(kDifferenceColumn) ? 1 : 2;
  int room = m_tree->viewport()->width() - numbers * errorWidth(*m_tree);
  // Columns that fit beside the name are shown, and the name gets what the next one would only show a part of.
  for (int column = kDifferenceColumn + 1; column < m_tree->header()->count(); ++column) {
    const int width = m_tree->header()->sectionSize(column);
    if (room - width < m_nameWidth) break;
    room -= width;
  }
  m_tree->header()->resizeSection(0, std::max(kLeastNameWidth, room));
}

bool ModelPanel::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Resize) fitName();
  return QWidget::eventFilter(watched, event);
}

void ModelPanel::applyFilter() {
  if (m_proxy == nullptr) return;
  const QString layer = m_layer;
  const QByteArray columns = m_tree->header()->saveState();
  m_quiet = true;
  m_tree->setModel(nullptr);  // filtering under an expanded view costs up to seconds with 10,000 tensors
  m_setFilter(m_filter->text());
  m_tree->setModel(m_proxy);
  m_tree->header()->restoreState(columns);
  m_tree->expandAll();
  connect(m_tree->selectionModel(), &QItemSelectionModel::currentChanged, this, &ModelPanel::tellCurrent);
  m_quiet = false;
  selectLayer(layer);
  updateCount();
}

void ModelPanel::updateCount() {
  if (m_proxy == nullptr) return;
  const int shown = countTensors(*m_proxy);
  const int all = countTensors(*m_proxy->sourceModel());
  m_count->setText(shown == all ? number::counted(static_cast<std::uint64_t>(all), tr("1 tensor"), tr("%1 tensors"))
                                : tr("%1 of %2 tensors")
                                      .arg(number::count(static_cast<std::uint64_t>(shown)),
                                           number::count(static_cast<std::uint64_t>(all))));
  if (all == 0) m_count->setText(tr("No model open"));
  m_filter->setVisible(all > 0);
  m_tree->setVisible(shown > 0);
  m_noHits->setText(tr("No tensor's name holds “%1”.").arg(m_filter->text().simplified()));
  m_noHits->setVisible(all > 0 && shown == 0);
}

void ModelPanel::tellCurrent() {
  const QModelIndex current = m_tree->currentIndex();
  if (m_quiet || !current.isValid() || m_proxy->hasChildren(current.siblingAtColumn(0))) return;
  m_layer = current.data(LayerRole).toString();
  Q_EMIT tensorSelected(current.data(NameRole).toString(), m_layer);
}

QModelIndex ModelPanel::findLayer(const QString& layer) const {
  if (m_proxy == nullptr || layer.isEmpty() || m_proxy->rowCount() == 0) return {};
  const auto found = m_proxy->match(m_proxy->index(0, 0), LayerRole, layer, 1,
                                    Qt::MatchExactly | Qt::MatchRecursive | Qt::MatchCaseSensitive);
  return found.isEmpty() ? QModelIndex() : found.front();
}

void ModelPanel::selectLayer(const QString& layer) {
  m_layer = layer;
  const QModelIndex index = findLayer(layer);
  if (!index.isValid()) return;
  m_quiet = true;
  m_tree->setCurrentIndex(index);
  m_tree->scrollTo(index);
  m_tree->horizontalScrollBar()->setValue(0);
  m_quiet = false;
}

void ModelPanel::setDifferenceShown(bool shown) {
  if (m_tree->isColumnHidden(kDifferenceColumn) != shown) return;
  m_tree->setColumnHidden(kDifferenceColumn, !shown);
  m_tree->header()->resizeSection(kDifferenceColumn, errorWidth(*m_tree));
  fitName();
}

void ModelPanel::focusFilter() {
  m_filter->setFocus();
  m_filter->selectAll();
}

}  // namespace qs
