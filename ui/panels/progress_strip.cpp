#include "ui/panels/progress_strip.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <algorithm>
#include <cmath>

#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr int kBarSteps = 1000;
constexpr int kBarWidth = 180;
constexpr double kTellRemainingFrom = 2;  ///< seconds

/// An estimate, so no seconds where there are minutes.
QString remainingText(double seconds) {
  constexpr double kMinute = 60;
  if (seconds < 1.5 * kMinute) return number::duration(std::round(seconds));
  return ProgressStrip::tr("%1 min").arg(std::lround(seconds / kMinute));
}

}  // namespace

QString progressText(const ProgressSnapshot& progress) {
  if (progress.stage.empty()) return ProgressStrip::tr("Starting");
  QString text = QString::fromStdString(progress.stage);
  if (progress.total > 0) {
    text = ProgressStrip::tr("%1: %2 of %3 %4")
               .arg(text, number::count(static_cast<std::uint64_t>(std::max(0.0, std::floor(progress.done)))),
                    number::count(static_cast<std::uint64_t>(progress.total)), QString::fromStdString(progress.unit));
  }
  if (progress.remainingSeconds && *progress.remainingSeconds >= kTellRemainingFrom) {
    text = ProgressStrip::tr("%1, about %2 left").arg(text, remainingText(*progress.remainingSeconds));
  }
  return text;
}

ProgressStrip::ProgressStrip(QWidget* parent) : QWidget(parent) {
  m_text = new QLabel(this);
  m_text->setObjectName(QStringLiteral("progressText"));
  m_text->setMinimumWidth(60);
  m_bar = new QProgressBar(this);
  m_bar->setRange(0, kBarSteps);
  m_bar->setTextVisible(false);
  m_bar->setFixedSize(kBarWidth, 8);
  m_bar->setAccessibleName(tr("Progress"));
  m_cancel = new QPushButton(tr("Cancel"), this);
  m_cancel->setObjectName(QStringLiteral("cancelButton"));
  m_cancel->setToolTip(tr("Stop the work (Esc)"));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(8, 0, 4, 0);
  layout->setSpacing(10);
  layout->addWidget(m_text, 1);
  layout->addWidget(m_bar);
  layout->addWidget(m_cancel);
  connect(m_cancel, &QPushButton::clicked, this, &ProgressStrip::cancelRequested);
  setBusy(false);
}

QString ProgressStrip::text() const { return m_text->text(); }

void ProgressStrip::setProgress(const ProgressSnapshot& progress) {
  m_text->setText(progressText(progress));
  m_text->setToolTip(QString::fromStdString(progress.item));
  m_bar->setRange(0, progress.total > 0 ? kBarSteps : 0);
  if (progress.total > 0) m_bar->setValue(static_cast<int>(kBarSteps * std::min(1.0, progress.done / progress.total)));
}

void ProgressStrip::setBusy(bool busy) {
  m_bar->setVisible(busy);
  m_cancel->setVisible(busy);
  m_text->setText(busy ? tr("Starting") : m_idleText);
  m_text->setToolTip({});
}

void ProgressStrip::setIdleText(const QString& text) {
  m_idleText = text;
  if (!m_cancel->isVisibleTo(this)) m_text->setText(text);
}

}  // namespace qs
