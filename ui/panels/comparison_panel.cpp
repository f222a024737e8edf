#include "ui/panels/comparison_panel.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QImage>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QScrollBar>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <set>

#include "ui/panels/bar_delegate.h"
#include "ui/support/item_roles.h"
#include "ui/support/palette.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr int kStretchedColumn = 1;  ///< the settings take what is left
constexpr int kLeastStretched = 96;
constexpr int kMostForced = 220;  ///< where the table has to scroll, they get as much of their text
constexpr double kPictureScale = 2.0;

/// Sorts by raw numbers. The reference row comes first and rows without a number last, whichever way it sorts.
class RowOrder : public QSortFilterProxyModel {
 public:
  using QSortFilterProxyModel::QSortFilterProxyModel;

 protected:
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override {
    const bool ascending = sortOrder() == Qt::AscendingOrder;
    const bool first = left.data(ReferenceRole).toBool();
    if (first != right.data(ReferenceRole).toBool()) return first == ascending;
    const bool known = left.data(SortRole).isValid();
    if (known != right.data(SortRole).isValid()) return known == ascending;
    return QSortFilterProxyModel::lessThan(left, right);
  }
};

void dress(QTableView& table) {
  table.setFrameShape(QFrame::NoFrame);
  table.setShowGrid(false);
  table.setAlternatingRowColors(true);
  table.setSelectionBehavior(QAbstractItemView::SelectRows);
  table.setWordWrap(false);
  table.setTabKeyNavigation(false);  // Tab leaves the table
  table.verticalHeader()->hide();
  table.verticalHeader()->setDefaultSectionSize(table.fontMetrics().height() + 10);
  table.horizontalHeader()->setHighlightSections(false);
  table.horizontalHeader()->setMinimumSectionSize(48);
  table.setItemDelegate(new BarDelegate(&table));
}

/// Of a column's cells and its title. The header's own hint adds an icon and the sort arrow beside the title.
int neededWidth(const QTableView& table, int column) {
  constexpr int kMargins = 28;
  QFont font = table.horizontalHeader()->font();
  font.setWeight(QFont::DemiBold);
  const QString title = table.model()->headerData(column, Qt::Horizontal).toString();
  const QAbstractItemView& view = table;
  return std::max(view.sizeHintForColumn(column) + 5, QFontMetrics(font).horizontalAdvance(title) + kMargins);
}

}  // namespace

ComparisonPanel::ComparisonPanel(QWidget* parent) : QWidget(parent) {
  m_proxy = new RowOrder(this);
  m_proxy->setSortRole(SortRole);
  m_table = new QTableView(this);
  m_table->setObjectName(QStringLiteral("comparisonTable"));
  m_table->setAccessibleName(tr("Comparison of runs"));
  dress(*m_table);
  m_table->setSortingEnabled(true);
  m_table->setContextMenuPolicy(Qt::CustomContextMenu);
  m_table->setModel(m_proxy);
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_note = new QLabel(this);
  m_note->setObjectName(QStringLiteral("comparisonNote"));
  m_note->setProperty("textStyle", QLatin1String("muted"));
  m_note->setWordWrap(true);
  m_compare = new QPushButton(tr("Compare methods"), this);
  m_compare->setObjectName(QStringLiteral("compareButton"));
  m_compare->setProperty("primary", true);
  m_compare->setToolTip(
      wrappedToolTip(tr("Run the usual methods over the model and measure each: the form's method with the form's "
                        "settings, the others with their defaults (Ctrl+Shift+R)")));
  m_choose = new QPushButton(tr("Choose…"), this);
  m_choose->setObjectName(QStringLiteral("chooseButton"));
  m_choose->setToolTip(
      wrappedToolTip(tr("Choose the methods to compare, and the texts that calibrate and measure them")));

  auto* head = new QHBoxLayout;
  head->setContentsMargins(12, 4, 8, 4);
  head->setSpacing(8);
  head->addWidget(m_note, 1);
  head->addWidget(m_compare);
  head->addWidget(m_choose);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addLayout(head);
  layout->addWidget(m_table, 1);
  joinTable();
  setCanCompare(false);
  updateEmpty();
}

void ComparisonPanel::joinTable() {
  connect(m_compare, &QPushButton::clicked, this, &ComparisonPanel::compareRequested);
  connect(m_choose, &QPushButton::clicked, this, &ComparisonPanel::choiceRequested);
  connect(m_table, &QTableView::customContextMenuRequested, this, &ComparisonPanel::showMenu);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
    if (currentId() >= 0) Q_EMIT rowChosen(currentId());
  });
  // Also the row that is current already: another run may be shown by now.
  for (const auto signal : {&QTableView::clicked, &QTableView::activated}) {
    connect(m_table, signal, this,
            [this](const QModelIndex& index) { Q_EMIT rowChosen(index.data(NameRole).toInt()); });
  }
  for (const auto signal : {&QAbstractItemModel::rowsInserted, &QAbstractItemModel::rowsRemoved}) {
    connect(m_proxy, signal, this, &ComparisonPanel::updateEmpty);
  }
  connect(m_proxy, &QAbstractItemModel::modelReset, this, &ComparisonPanel::updateEmpty);
  connect(m_proxy, &QAbstractItemModel::dataChanged, this, &ComparisonPanel::fitColumns);
}

void ComparisonPanel::setModel(QAbstractItemModel* model) {
  m_proxy->setSourceModel(model);
  m_table->sortByColumn(-1, Qt::AscendingOrder);
  updateEmpty();
}

void ComparisonPanel::setCanRetry(std::function<bool(int)> canRetry) { m_canRetry = std::move(canRetry); }

int ComparisonPanel::currentId() const {
  const QModelIndex current = m_table->currentIndex();
  return current.isValid() ? current.data(NameRole).toInt() : -1;
}

void ComparisonPanel::selectId(int id) {
  for (int row = 0; row < m_proxy->rowCount(); ++row) {
    if (m_proxy->index(row, 0).data(NameRole).toInt() == id) m_table->selectRow(row);
  }
}

QString ComparisonPanel::selectedText() const {
  std::set<int> rows;
  for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) rows.insert(index.row());
  for (int row = 0; rows.empty() && row < m_proxy->rowCount(); ++row) rows.insert(row);
  const auto line = [this](const auto& cell) {
    QStringList cells;
    for (int column = 0; column < m_proxy->columnCount(); ++column) {
      if (!m_table->isColumnHidden(column)) cells << cell(column);
    }
    return cells.join(QLatin1Char('\t')) + QLatin1Char('\n');
  };
  QString text = line([this](int column) { return m_proxy->headerData(column, Qt::Horizontal).toString(); });
  for (const int row : rows) {
    text += line([this, row](int column) { return m_proxy->index(row, column).data().toString(); });
  }
  return text;
}

void ComparisonPanel::setColumnShown(int column, bool shown) {
  m_table->setColumnHidden(column, !shown);
  fitColumns();
}

int ComparisonPanel::fullHeight() const {
  const int rows = m_proxy->rowCount() * m_table->verticalHeader()->defaultSectionSize();
  const int bars =
      m_table->horizontalHeader()->sizeHint().height() + m_table->horizontalScrollBar()->sizeHint().height();
  return height() - m_table->height() + rows + bars;
}

QImage ComparisonPanel::picture() const {
  QTableView table;
  table.setModel(m_proxy);
  table.setPalette(themePalette(Theme::Light));
  dress(table);
  table.setStyleSheet(
      QStringLiteral("QTableView, QHeaderView, QHeaderView::section { background: white; color: black; }"));
  int width = 0;
  for (int column = 0; column < m_proxy->columnCount(); ++column) {
    table.setColumnHidden(column, m_table->isColumnHidden(column));
    if (!m_table->isColumnHidden(column)) table.resizeColumnToContents(column);
    width += table.columnWidth(column);
  }
  table.setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  table.setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  const int rows = m_proxy->rowCount() * table.verticalHeader()->defaultSectionSize();
  table.resize(width, rows + table.horizontalHeader()->sizeHint().height());
  QImage image(table.size() * kPictureScale, QImage::Format_RGB32);
  image.setDevicePixelRatio(kPictureScale);
  image.fill(Qt::white);
  table.render(&image);
  return image;
}

void ComparisonPanel::setCanCompare(bool can) {
  m_compare->setEnabled(can);
  m_choose->setEnabled(can);
}

void ComparisonPanel::setNote(const QString& text) { m_note->setText(text); }

void ComparisonPanel::updateEmpty() {
  m_table->setVisible(m_proxy->rowCount() > 0);
  // Two whole rows in the smallest window: the unquantized model and a run.
  m_table->setMinimumHeight(m_table->horizontalHeader()->sizeHint().height() +
                            2 * m_table->verticalHeader()->defaultSectionSize() + 2);
  fitColumns();
}

void ComparisonPanel::fitColumns() {
  if (m_proxy->rowCount() == 0) return;
  m_table->horizontalHeader()->setStretchLastSection(false);  // its own width counts, not what it was stretched to
  int others = 0;
  for (int column = 0; column < m_proxy->columnCount(); ++column) {
    if (m_table->isColumnHidden(column)) continue;
    m_table->setColumnWidth(column, neededWidth(*m_table, column));
    if (column != kStretchedColumn) others += m_table->columnWidth(column);
  }
  const int room = m_table->viewport()->width() - others;
  const int wanted = std::clamp(m_table->columnWidth(kStretchedColumn), kLeastStretched, kMostForced);
  m_table->setColumnWidth(kStretchedColumn, room < kLeastStretched ? wanted : room);
  m_table->horizontalHeader()->setStretchLastSection(true);
}

void ComparisonPanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  fitColumns();
}

void ComparisonPanel::showMenu(const QPoint& position) {
  const int id = currentId();
  if (id < 0) return;
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  if (m_canRetry && m_canRetry(id)) menu->addAction(tr("Retry"), this, [this, id] { Q_EMIT retryRequested(id); });
  menu->addAction(tr("Pin as B"), this, [this, id] { Q_EMIT pinRequested(id); });
  menu->addAction(tr("Remove row"), this, [this, id] { Q_EMIT removeRequested(id); });
  menu->popup(m_table->viewport()->mapToGlobal(position));
}

}  // namespace qs
