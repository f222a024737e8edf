#include "ui/panels/comparison_panel.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <set>

#include "ui/panels/bar_delegate.h"
#include "ui/support/item_roles.h"

namespace qs {
namespace {

constexpr int kStretchedColumn = 1;  ///< the settings take what is left
constexpr int kLeastStretched = 96;

}  // namespace

ComparisonPanel::ComparisonPanel(QWidget* parent) : QWidget(parent) {
  m_proxy = new QSortFilterProxyModel(this);
  m_proxy->setSortRole(SortRole);
  m_table = new QTableView(this);
  m_table->setObjectName(QStringLiteral("comparisonTable"));
  m_table->setAccessibleName(tr("Comparison of runs"));
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setShowGrid(false);
  m_table->setAlternatingRowColors(true);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSortingEnabled(true);
  m_table->setWordWrap(false);
  m_table->setContextMenuPolicy(Qt::CustomContextMenu);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setDefaultSectionSize(m_table->fontMetrics().height() + 10);
  m_table->horizontalHeader()->setHighlightSections(false);
  m_table->horizontalHeader()->setMinimumSectionSize(48);
  m_table->setItemDelegate(new BarDelegate(m_table));
  m_table->setModel(m_proxy);
  m_empty = new QLabel(tr("Each run becomes a row here. Choose settings and press “Run on all layers”."), this);
  m_empty->setProperty("textStyle", QLatin1String("muted"));
  m_empty->setAlignment(Qt::AlignCenter);
  m_empty->setWordWrap(true);
  m_compare = new QPushButton(tr("Compare methods…"), this);
  m_compare->setObjectName(QStringLiteral("compareButton"));
  m_compare->setToolTip(tr("Run a set of methods over the model and measure each (Ctrl+Shift+R)"));

  auto* head = new QHBoxLayout;
  head->setContentsMargins(12, 4, 8, 4);
  head->addWidget(m_empty, 1);
  head->addStretch();
  head->addWidget(m_compare);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addLayout(head);
  layout->addWidget(m_table, 1);

  connect(m_compare, &QPushButton::clicked, this, &ComparisonPanel::compareRequested);
  connect(m_table, &QTableView::customContextMenuRequested, this, &ComparisonPanel::showMenu);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
    if (currentId() >= 0) Q_EMIT rowChosen(currentId());
  });
  for (const auto signal : {&QAbstractItemModel::rowsInserted, &QAbstractItemModel::rowsRemoved}) {
    connect(m_proxy, signal, this, &ComparisonPanel::updateEmpty);
  }
  connect(m_proxy, &QAbstractItemModel::modelReset, this, &ComparisonPanel::updateEmpty);
  connect(m_proxy, &QAbstractItemModel::dataChanged, this, &ComparisonPanel::fitColumns);
  setCanCompare(false);
  updateEmpty();
}

void ComparisonPanel::setModel(QAbstractItemModel* model) {
  m_proxy->setSourceModel(model);
  m_table->sortByColumn(-1, Qt::AscendingOrder);
  updateEmpty();
}

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

void ComparisonPanel::setCanCompare(bool can) { m_compare->setEnabled(can); }

void ComparisonPanel::updateEmpty() {
  m_empty->setVisible(m_proxy->rowCount() == 0);
  m_table->setVisible(m_proxy->rowCount() > 0);
  fitColumns();
}

void ComparisonPanel::fitColumns() {
  if (m_proxy->rowCount() == 0) return;
  m_table->resizeColumnsToContents();
  int others = 0;
  for (int column = 0; column < m_proxy->columnCount(); ++column) {
    if (m_table->isColumnHidden(column)) continue;
    m_table->setColumnWidth(column, m_table->columnWidth(column) + 4);
    if (column != kStretchedColumn) others += m_table->columnWidth(column);
  }
  m_table->setColumnWidth(kStretchedColumn, std::max(kLeastStretched, m_table->viewport()->width() - others));
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
  menu->addAction(tr("Pin as B"), this, [this, id] { Q_EMIT pinRequested(id); });
  menu->addAction(tr("Remove row"), this, [this, id] { Q_EMIT removeRequested(id); });
  menu->popup(m_table->viewport()->mapToGlobal(position));
}

}  // namespace qs
