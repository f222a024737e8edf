#include "ui/panels/message_bar.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QToolButton>
#include <QVBoxLayout>

namespace qs {
namespace {

constexpr int kDetailsHeight = 84;

}  // namespace

MessageBar::MessageBar(QWidget* parent) : QFrame(parent) {
  setObjectName(QStringLiteral("messageBar"));
  m_text = new QLabel(this);
  m_text->setObjectName(QStringLiteral("messageText"));
  m_text->setWordWrap(true);
  m_text->setTextFormat(Qt::RichText);
  m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  const auto addButton = [this](const QString& text, const QString& help) {
    auto* button = new QToolButton(this);
    button->setText(text);
    button->setToolTip(help);
    button->setAccessibleName(help);
    button->setAutoRaise(true);
    return button;
  };
  m_detailsButton = addButton(tr("Details"), tr("Show the whole message"));
  m_detailsButton->setCheckable(true);
  auto* copy = addButton(tr("Copy"), tr("Copy the message"));
  auto* close = addButton(QStringLiteral("✕"), tr("Close the message"));
  close->setObjectName(QStringLiteral("messageClose"));
  m_details = new QPlainTextEdit(this);
  m_details->setReadOnly(true);
  m_details->setFixedHeight(kDetailsHeight);
  m_details->setAccessibleName(tr("Details of the message"));

  auto* line = new QHBoxLayout;
  line->addWidget(m_text, 1);
  for (QWidget* button : {m_detailsButton, copy, close}) line->addWidget(button, 0, Qt::AlignTop);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(12, 6, 8, 6);
  layout->addLayout(line);
  layout->addWidget(m_details);

  connect(m_detailsButton, &QToolButton::toggled, this, &MessageBar::showDetails);
  connect(copy, &QToolButton::clicked, this, [this] { QGuiApplication::clipboard()->setText(m_message.toText()); });
  connect(close, &QToolButton::clicked, this, &MessageBar::dismiss);
  m_details->hide();
  hide();
}

void MessageBar::showMessage(const UserMessage& message) {
  m_message = message;
  const QString why = message.why.isEmpty() ? QString() : QStringLiteral(" — ") + message.why.toHtmlEscaped();
  const QString next = message.whatToDo.isEmpty()
                           ? QString()
                           : QStringLiteral("<br/><span>%1</span>").arg(message.whatToDo.toHtmlEscaped());
  m_text->setText(QStringLiteral("<b>%1</b>%2%3").arg(message.what.toHtmlEscaped(), why, next));
  m_details->setPlainText(message.toText());
  const bool isError = message.severity == UserMessage::Severity::Error;
  setProperty("error", isError);
  m_detailsButton->setVisible(isError);
  m_detailsButton->setChecked(false);
  setAccessibleName(message.what);
  setAccessibleDescription(message.toText());
  setStyleSheet(
      isError
          ? QStringLiteral(
                "#messageBar { background: rgba(200, 60, 50, 36); border: none; border-left: 4px solid #c8402f; }")
          : QStringLiteral(
                "#messageBar { background: rgba(40, 120, 220, 30); border: none; border-left: 4px solid #2f7de1; }"));
  show();
}

void MessageBar::dismiss() {
  m_message = {};
  hide();
}

void MessageBar::dismissAbout(UserMessage::About about) {
  if (m_message.about == about) dismiss();
}

void MessageBar::showDetails(bool shown) { m_details->setVisible(shown); }

}  // namespace qs
