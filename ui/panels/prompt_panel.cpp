#include "ui/panels/prompt_panel.h"

#include <QEvent>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QScrollArea>
#include <QSpinBox>
#include <QTextEdit>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/support/number_format.h"
#include "ui/support/palette.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr int kMostTokens = 512;
constexpr int kFirstTokens = 48;
constexpr int kChosenAtOnce = 4;
constexpr int kLeastColumn = 170;
constexpr int kLeastText = 40;
constexpr int kMarkAlpha = 90;

QString escaped(const std::string& text) {
  return QString::fromStdString(text).toHtmlEscaped().replace(QLatin1Char('\n'), QStringLiteral("<br>"));
}

/// White space alone would be an invisible mark.
QString visible(const std::string& token) {
  QString text = QString::fromStdString(token);
  if (text.trimmed().isEmpty()) text.replace(QLatin1Char(' '), QChar(0x2423)).replace(QLatin1Char('\n'), QChar(0x21b5));
  return text.toHtmlEscaped();
}

QString verdictOf(const Continuation& continuation) {
  if (!continuation.error.empty()) return PromptPanel::tr("failed");
  if (!continuation.differsAt) return PromptPanel::tr("the same %1 tokens").arg(continuation.ids.size());
  return PromptPanel::tr("differs from token %1 on").arg(*continuation.differsAt + 1);
}

}  // namespace

PromptPanel::PromptPanel(QWidget* parent) : QWidget(parent) {
  m_prompt = new QLineEdit(QStringLiteral("There once was a"), this);
  m_prompt->setObjectName(QStringLiteral("prompt"));
  m_prompt->setProperty("framed", true);
  m_prompt->setAccessibleName(tr("Prompt"));
  m_prompt->setPlaceholderText(tr("Text to continue"));
  m_tokens = new QSpinBox(this);
  m_tokens->setRange(1, kMostTokens);
  m_tokens->setValue(kFirstTokens);
  m_tokens->setSuffix(tr(" tokens"));
  m_tokens->setAccessibleName(tr("Tokens to add"));
  m_menu = new QMenu(this);
  m_choose = new QToolButton(this);
  m_choose->setObjectName(QStringLiteral("promptModels"));
  m_choose->setMenu(m_menu);
  m_choose->setPopupMode(QToolButton::InstantPopup);
  m_choose->setToolTip(wrappedToolTip(tr("Which runs continue the prompt beside the unquantized model")));
  m_continue = new QPushButton(tr("Continue"), this);
  m_continue->setObjectName(QStringLiteral("continueButton"));
  m_continue->setToolTip(tr("Continue the prompt greedily with each model"));
  m_hint =
      new QLabel(tr("How does the text go on, before and after quantization? Runs and compared methods stand beside "
                    "the unquantized model; the first token that differs is marked."),
                 this);
  m_hint->setProperty("textStyle", QLatin1String("muted"));
  m_hint->setWordWrap(true);
  m_hint->setAlignment(Qt::AlignCenter);
  auto* head = new QHBoxLayout;
  head->setContentsMargins(12, 4, 8, 4);
  head->setSpacing(8);
  head->addWidget(m_prompt, 1);
  head->addWidget(m_tokens);
  head->addWidget(m_choose);
  head->addWidget(m_continue);
  m_area = new QWidget(this);
  m_row = new QHBoxLayout(m_area);
  m_row->setContentsMargins(12, 0, 12, 4);
  m_row->setSpacing(12);
  m_row->addWidget(m_hint);
  auto* scroll = new QScrollArea(this);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidgetResizable(true);
  scroll->setWidget(m_area);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addLayout(head);
  layout->addWidget(scroll, 1);
  connect(m_continue, &QPushButton::clicked, this, &PromptPanel::begin);
  connect(m_prompt, &QLineEdit::returnPressed, m_continue, &QPushButton::click);
  setHasModel(false);
  fillMenu();
}

void PromptPanel::setModels(const std::vector<PromptModel>& models) {
  m_models = models;
  for (const PromptModel& model : m_models) {
    if (m_chosen.contains(model.id)) continue;
    m_chosen[model.id] = chosenModels().size() < kChosenAtOnce;
  }
  fillMenu();
}

void PromptPanel::setChosen(int id, bool chosen) {
  m_chosen[id] = chosen;
  fillMenu();
}

void PromptPanel::setHasModel(bool hasModel) { m_continue->setEnabled(hasModel); }

void PromptPanel::setBusy(bool busy) {
  for (const Column& column : m_columns)
    if (!column.isReady) column.verdict->setText(busy ? tr("waiting") : tr("not continued"));
}

void PromptPanel::clear() {
  m_models.clear();
  m_chosen.clear();
  removeColumns();
  m_hint->show();
  fillMenu();
}

std::vector<PromptModel> PromptPanel::chosenModels() const {
  std::vector<PromptModel> chosen;
  std::ranges::copy_if(m_models, std::back_inserter(chosen),
                       [this](const PromptModel& model) { return m_chosen.value(model.id); });
  return chosen;
}

void PromptPanel::fillMenu() {
  m_menu->clear();
  for (const PromptModel& model : m_models) {
    QAction* action = m_menu->addAction(model.name);
    action->setCheckable(true);
    action->setChecked(m_chosen.value(model.id));
    connect(action, &QAction::toggled, this, [this, id = model.id](bool on) {
      m_chosen[id] = on;
      m_choose->setText(tr("Runs: %1").arg(chosenModels().size()));
    });
  }
  m_choose->setText(tr("Runs: %1").arg(chosenModels().size()));
  m_choose->setEnabled(!m_models.empty());
}

void PromptPanel::begin() {
  m_asked = m_prompt->text();
  removeColumns();
  m_hint->hide();
  addColumn(tr("Unquantized"), 0);
  std::vector<int> ids;
  for (const PromptModel& model : chosenModels()) {
    addColumn(model.name, model.colorSlot);
    ids.push_back(model.id);
  }
  Q_EMIT continueRequested(m_asked, m_tokens->value(), ids);
}

void PromptPanel::addColumn(const QString& name, int colorSlot) {
  Column column;
  column.box = new QWidget(m_area);
  column.box->setMinimumWidth(kLeastColumn);
  auto* title = new QLabel(name, column.box);
  title->setTextFormat(Qt::PlainText);
  title->setProperty("textStyle", QLatin1String("heading"));
  column.colorSlot = colorSlot;
  column.swatch = new QFrame(column.box);
  column.swatch->setFixedHeight(3);
  paintSwatch(column);
  column.verdict = new QLabel(tr("waiting"), column.box);
  column.verdict->setProperty("textStyle", QLatin1String("muted"));
  column.text = new QTextEdit(column.box);
  column.text->setReadOnly(true);
  column.text->setFrameShape(QFrame::NoFrame);
  column.text->setMinimumHeight(kLeastText);
  column.text->setAccessibleName(tr("Continuation of %1").arg(name));
  auto* layout = new QVBoxLayout(column.box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(2);
  layout->addWidget(column.swatch);
  layout->addWidget(title);
  layout->addWidget(column.verdict);
  layout->addWidget(column.text, 1);
  m_row->addWidget(column.box, 1);
  m_columns.push_back(column);
}

void PromptPanel::paintSwatch(const Column& column) const {
  const QColor color = Palette::of(palette()).method(column.colorSlot);
  column.swatch->setStyleSheet(QStringLiteral("background: %1").arg(color.name()));
}

void PromptPanel::removeColumns() {
  for (const Column& column : m_columns) {
    m_row->removeWidget(column.box);
    column.box->deleteLater();
    column.box->hide();
  }
  m_columns.clear();
}

void PromptPanel::setContinuation(std::size_t column, const Continuation& continuation) {
  if (column >= m_columns.size()) return;
  m_columns[column].continuation = continuation;
  m_columns[column].isReady = true;
  draw(m_columns[column], column == 0);
}

void PromptPanel::draw(const Column& column, bool isReference) const {
  const Continuation& text = column.continuation;
  column.verdict->setText(isReference ? number::counted(text.ids.size(), tr("1 token"), tr("%1 tokens"))
                                      : verdictOf(text));
  if (!text.error.empty()) return column.text->setPlainText(QString::fromStdString(text.error));
  const Palette colors = Palette::of(palette());
  QColor mark = colors.warning;
  mark.setAlpha(kMarkAlpha);
  QString html =
      QStringLiteral("<span style=\"color:%1\">%2</span>").arg(colors.mutedText.name(), m_asked.toHtmlEscaped()) +
      escaped(text.common);
  if (!text.firstDifferent.empty())
    html += QStringLiteral("<b><u style=\"background-color:%1\">%2</u></b>")
                .arg(mark.name(QColor::HexArgb), visible(text.firstDifferent));
  column.text->setHtml(QStringLiteral("<div style=\"white-space:pre-wrap\">%1%2</div>").arg(html, escaped(text.rest)));
}

void PromptPanel::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() != QEvent::PaletteChange) return;
  for (std::size_t i = 0; i < m_columns.size(); ++i) {
    paintSwatch(m_columns[i]);
    if (m_columns[i].isReady) draw(m_columns[i], i == 0);
  }
}

}  // namespace qs
