#include "ui/windows/dialogs.h"

#include <QAbstractTableModel>
#include <QAction>
#include <QComboBox>
#include <QCoreApplication>
#include <QDialog>
#include <QDialogButtonBox>
#include <QFile>
#include <QFormLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMessageBox>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>
#include <QTableWidget>
#include <QTextBrowser>
#include <QTextTable>
#include <QVBoxLayout>

#include "ui/support/number_format.h"
#include "ui/windows/run_description.h"

namespace qs {
namespace {

QString tr(const char* text) { return QCoreApplication::translate("Dialogs", text); }

/// A dialog with a body and a Close button.
QDialog* framed(const QString& title, QWidget* body, const QSize& size, QWidget* parent) {
  auto* dialog = new QDialog(parent);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(title);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  buttons->button(QDialogButtonBox::Close)->setIcon({});
  QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
  auto* layout = new QVBoxLayout(dialog);
  layout->setContentsMargins(16, 16, 16, 12);
  layout->setSpacing(12);
  body->setParent(dialog);
  layout->addWidget(body, 1);
  layout->addWidget(buttons);
  dialog->resize(size);
  return dialog;
}

/// Markdown's tables without frames, and without their first row where that is empty.
void plainTables(const QTextDocument& document) {
  constexpr double kPadding = 3;
  for (QTextFrame* frame : document.rootFrame()->childFrames()) {
    auto* table = qobject_cast<QTextTable*>(frame);
    if (table == nullptr) continue;
    QTextTableFormat format = table->format();
    format.setBorder(0);
    format.setCellSpacing(0);
    format.setCellPadding(kPadding);
    table->setFormat(format);
    const QTextTableCell first = table->cellAt(0, 0);
    if (first.firstPosition() == first.lastPosition()) table->removeRows(0, 1);
  }
}

QTextBrowser* browser(const QString& markdown) {
  auto* text = new QTextBrowser;
  text->setOpenExternalLinks(true);
  text->setFrameShape(QFrame::NoFrame);
  text->setMarkdown(markdown);
  plainTables(*text->document());
  text->setAccessibleName(tr("Text"));
  return text;
}

/// The README beside a model, where there is one.
QString readmeOf(const Checkpoint& model) {
  const auto folder = std::filesystem::is_directory(model.path()) ? model.path() : model.path().parent_path();
  QFile file(QString::fromStdString((folder / "README.md").string()));
  constexpr qint64 kMost = 100'000;
  return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.read(kMost)) : QString();
}

QString cell(QString text) {
  return text.replace(QLatin1Char('|'), QStringLiteral("\\|")).replace(QLatin1Char('\n'), QLatin1Char(' ')).left(400);
}

/// A view's numbers, read where they are.
class TableModel : public QAbstractTableModel {
 public:
  TableModel(PlotTable table, QObject* parent) : QAbstractTableModel(parent), m_table(std::move(table)) {}
  [[nodiscard]] int rowCount(const QModelIndex& parent) const override {
    return parent.isValid() ? 0 : static_cast<int>(m_table.rows.size());
  }
  [[nodiscard]] int columnCount(const QModelIndex& parent) const override {
    return parent.isValid() ? 0 : static_cast<int>(m_table.headers.size());
  }
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override {
    const auto& shown = m_table.rows[static_cast<std::size_t>(index.row())][static_cast<std::size_t>(index.column())];
    if (role == Qt::DisplayRole) return displayText(shown);
    if (role == Qt::TextAlignmentRole && std::holds_alternative<double>(shown))
      return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    return {};
  }
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override {
    if (role != Qt::DisplayRole || orientation != Qt::Horizontal) return {};
    return m_table.headers.value(section);
  }

 private:
  PlotTable m_table;
};

}  // namespace

QDialog* makeShortcutsDialog(const std::vector<const QAction*>& actions, QWidget* parent) {
  QString text = QStringLiteral("| %1 | %2 |\n| --- | --- |\n").arg(tr("Action"), tr("Keys"));
  for (const QAction* action : actions) {
    text +=
        QStringLiteral("| %1 | %2 |\n")
            .arg(cell(action->text().remove(QLatin1Char('&'))), action->shortcut().toString(QKeySequence::NativeText));
  }
  text +=
      tr("\nIn a plot: arrows step the crosshair, Shift+arrows move the view, + − 0 zoom, Enter chooses. In the grid "
         "arrows choose a layer, and Enter opens it.\n");
  return framed(tr("Shortcuts"), browser(text), {460, 560}, parent);
}

QDialog* makeModelDialog(const Checkpoint& model, QWidget* parent) {
  const auto& contents = model.contents();
  QString text = QStringLiteral("## %1\n\n").arg(QString::fromStdString(model.displayName()));
  text += QStringLiteral("| | |\n| --- | --- |\n");
  const auto row = [&text](const QString& name, const QString& value) {
    text += QStringLiteral("| **%1** | %2 |\n").arg(name, cell(value));
  };
  row(tr("Path"), QString::fromStdString(model.path().string()));
  row(tr("Format"), QString::fromStdString(model.format()));
  row(tr("Tensors"), number::count(model.tensors().size()));
  row(tr("Size"),
      QStringLiteral("%1 (%2)").arg(number::size(modelBytes(model)), number::exactBytes(modelBytes(model))));
  row(tr("Files"), number::count(contents.files.size()));
  for (const auto& [key, value] : contents.metadata) row(QString::fromStdString(key), QString::fromStdString(value));
  text += QLatin1Char('\n');
  for (const std::string& warning : contents.warnings)
    text += QStringLiteral("- ⚠ %1\n").arg(QString::fromStdString(warning));
  const QString readme = readmeOf(model);
  if (!readme.isEmpty()) text += QStringLiteral("\n---\n\n") + readme;
  return framed(tr("Model information"), browser(text), {640, 560}, parent);
}

QDialog* makeAboutDialog(QWidget* parent) {
  const QString text =
      tr("## QuantScope %1\n\nShows what quantization does to a language model: to each layer, to its "
         "size, and to what it predicts.\n\nFree software under the GNU General Public License, version "
         "3 or later. There is no warranty.")
          .arg(QCoreApplication::applicationVersion());
  return framed(tr("About QuantScope"), browser(text), {460, 260}, parent);
}

QDialog* makeTableDialog(const PlotTable& table, QWidget* parent) {
  auto* view = new QTableView;
  view->setModel(new TableModel(table, view));
  view->setAccessibleName(table.title);
  view->setAlternatingRowColors(true);
  view->setTabKeyNavigation(false);
  view->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
  view->verticalHeader()->hide();
  return framed(table.title, view, {680, 480}, parent);
}

QDialog* makeQuitQuestion(std::function<void()> quit, QWidget* parent) {
  auto* box = new QMessageBox(QMessageBox::Question, tr("Quit"), tr("A job is at work. Quit?"), {}, parent);
  box->setObjectName(QStringLiteral("quitQuestion"));
  box->setAttribute(Qt::WA_DeleteOnClose);
  box->setInformativeText(tr("Quitting stops it. Finished layers stay in the store; an export leaves no file."));
  QPushButton* keep = box->addButton(tr("Keep running"), QMessageBox::RejectRole);
  keep->setProperty("primary", true);
  QPushButton* leave = box->addButton(tr("Quit"), QMessageBox::DestructiveRole);
  leave->setObjectName(QStringLiteral("quitAnyway"));
  box->setDefaultButton(keep);
  box->setEscapeButton(keep);
  QObject::connect(leave, &QPushButton::clicked, box, std::move(quit));
  return box;
}

QDialog* makePreferencesDialog(const Preferences& now, std::function<void(const Preferences&)> changed,
                               QWidget* parent) {
  auto* body = new QWidget;
  auto* threads = new QSpinBox(body);
  threads->setRange(0, Preferences::kMostThreads);
  threads->setSpecialValueText(tr("Automatic"));
  threads->setValue(now.threads);
  threads->setAccessibleName(tr("Worker threads"));
  threads->setToolTip(tr("Threads of a run. Results don't depend on it."));
  auto* priority = new QComboBox(body);
  priority->addItems({tr("Normal"), tr("Low"), tr("Idle")});
  priority->setCurrentIndex(static_cast<int>(now.priority));
  priority->setAccessibleName(tr("Background priority"));
  priority->setToolTip(tr("Low keeps the window fluent while a run uses every core"));
  auto* rows = new QFormLayout(body);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->setHorizontalSpacing(16);
  rows->addRow(tr("Worker threads"), threads);
  rows->addRow(tr("Background priority"), priority);
  const auto tell = [threads, priority, changed = std::move(changed)] {
    changed({threads->value(), static_cast<WorkerPriority>(priority->currentIndex())});
  };
  QObject::connect(threads, &QSpinBox::valueChanged, body, tell);
  QObject::connect(priority, &QComboBox::currentIndexChanged, body, tell);
  return framed(tr("Preferences"), body, {380, 170}, parent);
}

}  // namespace qs
