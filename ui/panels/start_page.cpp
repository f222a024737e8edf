#include "ui/panels/start_page.h"

#include <QAbstractItemModel>
#include <QHBoxLayout>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

#include "ui/support/item_roles.h"
#include "ui/support/palette.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr int kColumnWidth = 460;
constexpr int kShownFiles = 5;

/// Draws files that are gone in grey.
class RecentDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    const bool missing = index.data(MissingRole).toBool();
    if (missing) {
      option->palette.setColor(QPalette::Text, Palette::of(option->palette).mutedText);
      option->text = StartPage::tr("%1 (missing)").arg(option->text);
    }
  }
};

QLabel* label(const QString& text, const char* style, QWidget* parent) {
  auto* made = new QLabel(text, parent);
  made->setProperty("textStyle", QLatin1String(style));
  made->setWordWrap(true);
  return made;
}

}  // namespace

StartPage::StartPage(QWidget* parent) : QWidget(parent) {
  auto* column = new QWidget(this);
  column->setMaximumWidth(kColumnWidth);
  auto* title = label(tr("See what quantization does to a model"), "title", column);
  auto* text = label(tr("Open a model, pick a method and its settings, and watch every layer change: weights, error, "
                        "size and speed."),
                     "muted", column);
  m_continue = new QPushButton(column);
  m_continue->setObjectName(QStringLiteral("continueSession"));
  m_continue->hide();
  m_whyNot = label({}, "muted", column);
  m_whyNot->setObjectName(QStringLiteral("whyNotContinue"));
  m_whyNot->hide();
  m_open = new QPushButton(tr("Open model…"), column);
  m_open->setObjectName(QStringLiteral("openButton"));
  m_open->setProperty("primary", true);
  m_demo = new QPushButton(tr("Open demo model"), column);
  m_demo->setObjectName(QStringLiteral("demoButton"));
  auto* buttons = new QHBoxLayout;
  buttons->setSpacing(8);
  buttons->addWidget(m_open);
  buttons->addWidget(m_demo);
  buttons->addStretch();
  m_dropHint = label(tr("or drop a model file (.safetensors, .gguf, .pt, .npz) or folder anywhere in the window"),
                     "drop", column);
  m_dropHint->setAlignment(Qt::AlignCenter);
  m_dropHint->setMinimumHeight(64);
  m_recentTitle = label(tr("Recent"), "heading", column);
  m_recent = new QListView(column);
  m_recent->setObjectName(QStringLiteral("recentList"));
  m_recent->setAccessibleName(tr("Recent models"));
  m_recent->setItemDelegate(new RecentDelegate(m_recent));
  m_recent->setFrameShape(QFrame::NoFrame);

  auto* inner = new QVBoxLayout(column);
  inner->setSpacing(12);
  inner->addWidget(title);
  inner->addWidget(text);
  inner->addSpacing(4);
  inner->addWidget(m_continue);
  inner->addWidget(m_whyNot);
  inner->addLayout(buttons);
  inner->addWidget(m_dropHint);
  inner->addSpacing(4);
  inner->addWidget(m_recentTitle);
  inner->addWidget(m_recent);
  auto* outer = new QHBoxLayout(this);
  outer->addStretch(1);
  outer->addWidget(column, 100, Qt::AlignVCenter);
  outer->addStretch(1);

  connect(m_continue, &QPushButton::clicked, this, &StartPage::continueRequested);
  connect(m_open, &QPushButton::clicked, this, &StartPage::openRequested);
  connect(m_demo, &QPushButton::clicked, this, &StartPage::demoRequested);
  connect(m_recent, &QListView::activated, this, [this](const QModelIndex& index) {
    if (!index.data(MissingRole).toBool()) Q_EMIT recentRequested(index.data(NameRole).toString());
  });
  updateRecent();
}

void StartPage::setRecentModel(QAbstractItemModel* model) {
  m_recent->setModel(model);
  connect(model, &QAbstractItemModel::modelReset, this, &StartPage::updateRecent);
  updateRecent();
}

void StartPage::setSession(const QString& text, const QString& details, const QString& whyNot) {
  constexpr int kMargins = 40;
  m_continue->setText(m_continue->fontMetrics().elidedText(text, Qt::ElideMiddle, kColumnWidth - kMargins));
  m_continue->setAccessibleName(text);
  m_continue->setToolTip(wrappedToolTip(details));
  m_canContinue = whyNot.isEmpty();
  m_continue->setEnabled(m_canContinue);
  m_continue->show();
  m_whyNot->setText(whyNot);
  m_whyNot->setVisible(!m_canContinue);
}

void StartPage::setBusy(bool busy) {
  m_continue->setEnabled(m_canContinue && !busy);
  m_open->setEnabled(!busy);
  m_demo->setEnabled(!busy);
  m_demo->setText(busy ? tr("Opening…") : tr("Open demo model"));
}

void StartPage::updateRecent() {
  const int count = m_recent->model() == nullptr ? 0 : m_recent->model()->rowCount();
  m_recentTitle->setVisible(count > 0);
  m_recent->setVisible(count > 0);
  const int rowHeight = m_recent->fontMetrics().height() + 10;
  m_recent->setMinimumHeight(rowHeight);  // a small window scrolls them
  m_recent->setMaximumHeight(std::min(count, kShownFiles) * rowHeight + 4);
}

}  // namespace qs
