#include "ui/panels/audit_table.h"

#include <QCheckBox>
#include <QHeaderView>
#include <QLabel>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/panels/bar_delegate.h"
#include "ui/support/item_roles.h"

namespace qs {
namespace {

constexpr int kWidestColumn = 330;
constexpr int kDetailLines = 3;

/// Rows whose FailedRole is set, or all.
class FaultFilter : public QSortFilterProxyModel {
 public:
  using QSortFilterProxyModel::QSortFilterProxyModel;
  void setFaultsOnly(bool on) {
    m_faultsOnly = on;
    invalidateFilter();
  }

 protected:
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override {
    return !m_faultsOnly || sourceModel()->index(row, 0, parent).data(FailedRole).toBool();
  }

 private:
  bool m_faultsOnly = false;
};

}  // namespace

AuditTable::AuditTable(QWidget* parent) : QWidget(parent) {
  m_proxy = new FaultFilter(this);
  m_proxy->setSortRole(SortRole);
  m_table = new QTableView(this);
  m_table->setObjectName(QStringLiteral("auditTable"));
  m_table->setAccessibleName(tr("Tensors of the checkpoint"));
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setShowGrid(false);
  m_table->setAlternatingRowColors(true);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSelectionMode(QAbstractItemView::SingleSelection);
  m_table->setSortingEnabled(true);
  m_table->setWordWrap(false);
  m_table->setTabKeyNavigation(false);
  m_table->setTextElideMode(Qt::ElideMiddle);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setDefaultSectionSize(m_table->fontMetrics().height() + 10);
  m_table->horizontalHeader()->setHighlightSections(false);
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->setItemDelegate(new BarDelegate(m_table));
  m_table->setModel(m_proxy);
  m_faultsOnly = new QCheckBox(tr("&Faults only"), this);
  m_faultsOnly->setObjectName(QStringLiteral("faultsOnly"));
  m_details = new QLabel(this);
  m_details->setObjectName(QStringLiteral("auditDetails"));
  m_details->setWordWrap(true);
  m_details->setTextFormat(Qt::PlainText);
  m_details->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_details->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  m_details->setMinimumHeight(kDetailLines * fontMetrics().lineSpacing());
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_faultsOnly);
  layout->addWidget(m_table, 1);
  layout->addWidget(m_details);
  connect(m_faultsOnly, &QCheckBox::toggled, this, &AuditTable::setFaultsOnly);
  connect(m_proxy, &QAbstractItemModel::modelReset, this, &AuditTable::showRows);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &AuditTable::showDetails);
  connect(m_table, &QTableView::activated, this,
          [this](const QModelIndex& index) { Q_EMIT tensorChosen(index.data(NameRole).toString()); });
}

void AuditTable::setModel(QAbstractItemModel* model) {
  m_proxy->setSourceModel(model);
  m_table->sortByColumn(-1, Qt::AscendingOrder);
  showRows();
}

void AuditTable::setFaultsOnly(bool on) { static_cast<FaultFilter*>(m_proxy)->setFaultsOnly(on); }

void AuditTable::showDetails() {
  const QModelIndex current = m_table->currentIndex();
  m_details->setText(current.isValid() ? current.data(Qt::ToolTipRole).toString()
                                       : tr("Choose a tensor to see what was found of it."));
}

void AuditTable::showRows() {
  m_details->clear();
  if (m_proxy->rowCount() == 0) return;
  showDetails();
  m_table->resizeColumnsToContents();
  for (int column = 0; column < m_proxy->columnCount(); ++column)
    m_table->setColumnWidth(column, std::min(m_table->columnWidth(column) + 8, kWidestColumn));
  for (int row = 0; row < m_proxy->rowCount(); ++row) {
    if (!m_proxy->index(row, 0).data(FailedRole).toBool()) continue;
    m_table->selectRow(row);
    break;
  }
}

}  // namespace qs
