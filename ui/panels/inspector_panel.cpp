#include "ui/panels/inspector_panel.h"

#include <QHeaderView>
#include <QLabel>
#include <QScrollBar>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "core/quant/method_registry.h"
#include "core/session/layer_filter.h"
#include "ui/panels/bar_delegate.h"
#include "ui/support/item_roles.h"
#include "ui/support/number_format.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr int kChannelRole = Qt::UserRole + 100;

QString readable(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  QString text = QString::fromStdString(key);
  if (!text.isEmpty()) text[0] = text[0].toUpper();
  return text;
}

/// "GPTQ, 4-bit asymmetric, groups of 128"
QString runText(const LayerReport& report) {
  const MethodInfo* method = findMethod(report.method);
  const std::string& name = method == nullptr ? report.method : method->name;
  return QString::fromStdString(name) + QStringLiteral(", ") + QString::fromStdString(report.scheme.toText());
}

}  // namespace

/// One of the errors of a layer: its name, its definition, and how it is read and told.
struct InspectorPanel::ErrorFigure {
  QString name;
  QString help;
  std::optional<double> (*value)(const LayerMetrics&);
  QString (*text)(double);
  double scale = 1;  ///< of a difference

  [[nodiscard]] static std::vector<ErrorFigure> all();
};

std::vector<InspectorPanel::ErrorFigure> InspectorPanel::ErrorFigure::all() {
  using Value = std::optional<double>;
  constexpr double kPercent = 100;
  const auto percent = [](double value) { return number::percent(value); };
  const auto significant = [](double value) { return number::significant(value); };
  return {
      {tr("Relative error"), tr("Σ(ŵ − w)² / Σw²: the share of the weights' energy that was lost"),
       [](const LayerMetrics& metrics) -> Value { return metrics.weightRelativeError; }, percent, kPercent},
      {tr("SQNR"),
       tr("Signal to quantization noise: 10·log₁₀(Σw² / Σ(ŵ − w)²). 6 dB more is half the noise amplitude."),
       [](const LayerMetrics& metrics) -> Value { return metrics.weightSqnrDb; }, number::decibels},
      {tr("Mean squared error"), tr("Mean of (ŵ − w)²"),
       [](const LayerMetrics& metrics) -> Value { return metrics.weightMse; }, significant},
      {tr("Largest error"), tr("max |ŵ − w|"),
       [](const LayerMetrics& metrics) -> Value { return metrics.weightMaxAbsError; }, significant},
      {tr("Cosine"), tr("Cosine of the angle between the weights before and after; 1 is the same direction"),
       [](const LayerMetrics& metrics) -> Value { return metrics.weightCosine; },
       [](double value) { return number::fixed(value, 6); }},
      {tr("Output error"), tr("‖X Wᵀ − X Ŵᵀ‖² / ‖X Wᵀ‖² over the calibration inputs X"),
       [](const LayerMetrics& metrics) { return metrics.outputRelativeError; }, percent, kPercent},
      {tr("Held-out output error"), tr("The same over inputs that took no part in calibration"),
       [](const LayerMetrics& metrics) { return metrics.heldOutOutputRelativeError; }, percent, kPercent},
  };
}

InspectorPanel::InspectorPanel(QWidget* parent) : QWidget(parent) {
  m_title = new QLabel(this);
  m_title->setObjectName(QStringLiteral("inspectorTitle"));
  m_title->setProperty("textStyle", QLatin1String("heading"));
  m_title->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
  m_subtitle = new QLabel(this);
  m_subtitle->setProperty("textStyle", QLatin1String("muted"));
  m_subtitle->setWordWrap(true);
  m_facts = new QTreeWidget(this);
  m_facts->setObjectName(QStringLiteral("facts"));
  m_facts->setAccessibleName(tr("Facts about the tensor"));
  m_facts->setColumnCount(2);
  m_facts->setHeaderHidden(true);
  m_facts->setRootIsDecorated(false);
  m_facts->setIndentation(0);
  m_facts->setFrameShape(QFrame::NoFrame);
  m_facts->setUniformRowHeights(false);
  m_facts->setTextElideMode(Qt::ElideMiddle);
  m_facts->setSelectionMode(QAbstractItemView::SingleSelection);
  m_facts->header()->setStretchLastSection(false);
  m_facts->header()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
  m_facts->header()->setSectionResizeMode(1, QHeaderView::Stretch);
  m_facts->setItemDelegate(new BarDelegate(m_facts));

  auto* head = new QVBoxLayout;
  head->setContentsMargins(12, 8, 12, 4);
  head->setSpacing(2);
  head->addWidget(m_title);
  head->addWidget(m_subtitle);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(2);
  layout->addLayout(head);
  layout->addWidget(m_facts, 1);
  layout->addStretch();
  connect(m_facts, &QTreeWidget::itemActivated, this, [this](QTreeWidgetItem* item) {
    const QVariant channel = item->data(0, kChannelRole);
    if (channel.isValid()) Q_EMIT channelSelected(channel.toUInt());
  });
  connect(m_facts, &QTreeWidget::itemClicked, m_facts, &QTreeWidget::itemActivated);
  clear();
}

void InspectorPanel::setTensor(const TensorInfo& tensor, const QString& file, bool isTransposed) {
  m_tensor = tensor;
  m_isTransposed = isTransposed;
  m_file = file;
  m_report.reset();
  m_pinned.reset();
  refresh();
}

void InspectorPanel::setReport(const LayerReportPtr& report) {
  m_report = report;
  refresh();
}

void InspectorPanel::setPinned(const LayerReportPtr& report) {
  if (m_pinned == report) return;
  m_pinned = report;
  refresh();
}

void InspectorPanel::clear() {
  m_tensor = {};
  m_report.reset();
  m_pinned.reset();
  refresh();
}

void InspectorPanel::refresh() {
  const int scrolled = m_facts->verticalScrollBar()->value();
  m_facts->clear();
  const bool isEmpty = m_tensor.name.empty();
  m_facts->setVisible(!isEmpty);
  m_name = isEmpty ? tr("No tensor selected") : QString::fromStdString(layerName(m_tensor.name));
  m_title->setToolTip(isEmpty ? QString() : m_name);
  m_title->setAccessibleName(m_name);
  fitTitle();
  m_subtitle->setText(isEmpty ? tr("Pick one in the model tree.")
                              : QString::fromStdString(toText(m_tensor.shape)) + (m_tensor.shape.size() != 2 ? QString()
                                                                                  : m_isTransposed
                                                                                      ? tr(" (inputs × outputs)")
                                                                                      : tr(" (outputs × inputs)")));
  if (isEmpty) return;
  if (m_report && !m_report->method.empty()) addErrors();
  addSize();
  addMethod();
  addOutliers();
  addTensor();
  m_facts->expandAll();
  m_facts->verticalScrollBar()->setValue(scrolled);
}

void InspectorPanel::fitTitle() {
  m_title->ensurePolished();
  m_title->setText(m_title->fontMetrics().elidedText(m_name, Qt::ElideMiddle, m_title->width()));
}

void InspectorPanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  fitTitle();
}

QTreeWidgetItem* InspectorPanel::section(const QString& title) {
  auto* item = new QTreeWidgetItem(m_facts, {title.toUpper()});
  QFont font = m_facts->font();
  font.setBold(true);
  font.setPointSizeF(font.pointSizeF() * 0.85);
  font.setLetterSpacing(QFont::AbsoluteSpacing, 0.6);
  item->setFont(0, font);
  item->setForeground(0, palette().color(QPalette::PlaceholderText));
  item->setFlags(Qt::ItemIsEnabled);
  item->setFirstColumnSpanned(true);
  return item;
}

void InspectorPanel::fact(QTreeWidgetItem* section, const QString& name, const QString& value, const QString& help) {
  auto* item = new QTreeWidgetItem(section, {name, value});
  item->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
  const QString tip = help.isEmpty() ? value : QStringLiteral("<p>%1</p>").arg(help.toHtmlEscaped());
  item->setToolTip(0, tip);
  item->setToolTip(1, tip);
}

void InspectorPanel::line(QTreeWidgetItem* section, const QString& text) {
  auto* item = new QTreeWidgetItem(section, {text});
  item->setFirstColumnSpanned(true);
  item->setToolTip(0, wrappedToolTip(text));
}

void InspectorPanel::addTensor() {
  auto* part = section(tr("Stored tensor"));
  const auto typeText = name(m_tensor.dtype);
  fact(part, tr("Type"), QString::fromUtf8(typeText.data(), static_cast<qsizetype>(typeText.size())));
  if (!m_tensor.storedScheme.empty()) fact(part, tr("Stored as"), QString::fromStdString(m_tensor.storedScheme));
  fact(part, tr("Parameters"), number::count(m_tensor.elements));
  fact(part, tr("File"), m_file);
}

void InspectorPanel::addSize() {
  auto* part = section(tr("Size"));
  fact(part, tr("Original"), number::size(m_tensor.bytes), number::exactBytes(m_tensor.bytes));
  if (!m_report || m_report->method.empty() || !m_report->error.empty()) return;
  fact(part, tr("Quantized"), number::size(m_report->quantizedBytes), number::exactBytes(m_report->quantizedBytes));
  fact(part, tr("Bits per weight"), number::bits(m_report->bitsPerWeight),
       tr("Stored bits per weight: codes, scales and zero points, each rounded up to whole bytes"));
  const QuantScheme& scheme = m_report->scheme;
  const double overhead = m_report->bitsPerWeight - scheme.bits;
  fact(part, tr("  codes"), number::bits(scheme.bits), tr("Bits of each weight's code"));
  fact(part, tr("  scales and rest"), number::bits(overhead),
       tr("What scales, zero points and other parameters of the groups add to each weight"));
  line(part, QString::fromStdString(scheme.toText()));
  if (m_report->quantizedBytes > 0) {
    fact(part, tr("Smaller by"),
         number::factor(static_cast<double>(m_report->originalBytes) / static_cast<double>(m_report->quantizedBytes)));
  }
}

void InspectorPanel::addErrors() {
  auto* part = section(tr("Error"));
  if (!m_report->error.empty()) {
    fact(part, tr("Failed"), QString::fromStdString(m_report->error));
    return;
  }
  if (m_pinned) {
    line(part, tr("A: %1").arg(runText(*m_report)));
    line(part, tr("B: %1").arg(runText(*m_pinned)));
  }
  for (const ErrorFigure& figure : ErrorFigure::all()) error(part, figure);
}

void InspectorPanel::error(QTreeWidgetItem* section, const ErrorFigure& figure) {
  const auto own = figure.value(m_report->metrics);
  if (!own) return;
  fact(section, figure.name, figure.text(*own), figure.help);
  const auto pinned = m_pinned ? figure.value(m_pinned->metrics) : std::nullopt;
  if (pinned)
    line(section,
         tr("   B %1,  A − B %2").arg(figure.text(*pinned), number::difference(figure.scale * (*own - *pinned))));
}

void InspectorPanel::addOutliers() {
  if (!m_report || m_report->outliers.empty()) return;
  auto* part = section(tr("Outlier channels"));
  const float largest = std::max(m_report->outliers.front().ratio, 1.0F);
  for (const OutlierChannel& outlier : m_report->outliers) {
    fact(part, tr("Input %1").arg(outlier.channel), number::factor(static_cast<double>(outlier.ratio)),
         tr("Largest |w| of the channel is %1, %2 times that of the median channel. Click to mark it in the plots.")
             .arg(number::significant(static_cast<double>(outlier.absMax)),
                  number::significant(static_cast<double>(outlier.ratio))));
    QTreeWidgetItem* item = part->child(part->childCount() - 1);
    item->setData(0, kChannelRole, outlier.channel);
    item->setData(1, ShareRole, static_cast<double>(outlier.ratio / largest));
  }
}

void InspectorPanel::addMethod() {
  if (!m_report || (m_report->notes.empty() && m_report->figures.empty())) return;
  auto* part = section(tr("What the method noted"));
  for (const auto& [key, value] : m_report->figures) fact(part, readable(key), number::significant(value));
  for (const std::string& note : m_report->notes) line(part, QString::fromStdString(note));
}

}  // namespace qs
