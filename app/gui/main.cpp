#include <QApplication>
#include <QCommandLineParser>
#include <QIcon>
#include <QStandardPaths>
#include <QTextStream>
#include <QTimer>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "core/base/large_allocations.h"
#include "ui/windows/main_window.h"
#include "ui/windows/screenshot_run.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongCommandLine = 2;
constexpr std::chrono::seconds kIdleTime{5};

/// Whether an option stands on the command line; asked before there is an application that could parse it.
bool hasOption(int argc, char** argv, const char* name) {
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], name, std::strlen(name)) == 0) return true;
  }
  return false;
}

/// Whether help or the version is asked for: that needs no display.
bool asksForText(int argc, char** argv) {
  constexpr std::array<std::string_view, 5> kOptions{"-h", "--help", "--help-all", "-v", "--version"};
  return std::any_of(argv + 1, argv + argc, [&kOptions](const char* argument) {
    return std::find(kOptions.begin(), kOptions.end(), argument) != kOptions.end();
  });
}

void nameApplication() {
  QCoreApplication::setOrganizationName(QStringLiteral("quantscope"));
  QCoreApplication::setApplicationName(QStringLiteral("quantscope"));
  QCoreApplication::setApplicationVersion(QStringLiteral(QUANTSCOPE_VERSION));
}

int fail(const QString& reason, int status) {
  QTextStream(stderr) << "quantscope: error: " << reason << Qt::endl;
  return status;
}

void addOptions(QCommandLineParser& parser) {
  parser.setApplicationDescription(QStringLiteral("Shows what quantization does to a language model."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(QStringLiteral("MODEL"),
                               QStringLiteral("File or folder to open; \"demo\" is the built-in model."),
                               QStringLiteral("[MODEL]"));
  parser.addOption({QStringLiteral("screenshot"), QStringLiteral("Write every view as PNG into DIR and exit."),
                    QStringLiteral("DIR")});
  parser.addOption({QStringLiteral("size"), QStringLiteral("Size of the window in the pictures."),
                    QStringLiteral("WxH"), QStringLiteral("1280x800")});
  parser.addOption(
      {QStringLiteral("theme"), QStringLiteral("light or dark."), QStringLiteral("THEME"), QStringLiteral("light")});
}

/// The options of --screenshot, or the reason why they are wrong.
QString readScreenshot(const QCommandLineParser& parser, qs::ScreenshotOptions& options) {
  options.folder = parser.value(QStringLiteral("screenshot"));
  options.model = parser.positionalArguments().value(0, QStringLiteral("demo"));
  const QStringList size = parser.value(QStringLiteral("size")).split(QLatin1Char('x'));
  options.size = QSize(size.value(0).toInt(), size.value(1).toInt());
  if (size.size() != 2 || options.size.isEmpty()) return QStringLiteral("--size: expected WxH, e.g. 1280x800");
  const QString theme = parser.value(QStringLiteral("theme"));
  if (theme != QLatin1String("light") && theme != QLatin1String("dark"))
    return QStringLiteral("--theme: expected light or dark");
  options.theme = theme == QLatin1String("dark") ? qs::Theme::Dark : qs::Theme::Light;
  return {};
}

qs::ProgramFolders programFolders() {
  const QString cache = QStandardPaths::writableLocation(QStandardPaths::GenericCacheLocation);
  const QString config = QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation);
  return {.executable = QCoreApplication::applicationDirPath().toStdString(),
          .runs = std::filesystem::path(cache.toStdString()) / "quantscope" / "runs",
          .config = std::filesystem::path(config.toStdString()) / "quantscope"};
}

int takeScreenshots(qs::MainWindow& window, const qs::ScreenshotOptions& options) {
  qs::ScreenshotRun run(window, options);
  QString failure;
  QObject::connect(&run, &qs::ScreenshotRun::finished, qApp, [&failure](const QString& error) {
    failure = error;
    QCoreApplication::quit();
  });
  QMetaObject::invokeMethod(
      &run, [&run] { run.start(); }, Qt::QueuedConnection);
  QCoreApplication::exec();
  return failure.isEmpty() ? 0 : fail(failure, kFailed);
}

}  // namespace

int main(int argc, char** argv) {
  if (hasOption(argc, argv, "--screenshot") && qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
  nameApplication();
  QCommandLineParser parser;
  addOptions(parser);
  if (asksForText(argc, argv)) {
    const QCoreApplication withoutDisplay(argc, argv);
    parser.process(withoutDisplay);  // ends the program
  }
  const QApplication application(argc, argv);
  QGuiApplication::setDesktopFileName(QStringLiteral("org.quantscope.QuantScope"));
  QGuiApplication::setWindowIcon(QIcon::fromTheme(QStringLiteral("quantscope")));
  parser.process(application);
  if (parser.positionalArguments().size() > 1) return fail(QStringLiteral("one MODEL at most"), kWrongCommandLine);

  qs::MainWindow window(programFolders());
  if (parser.isSet(QStringLiteral("screenshot"))) {
    qs::ScreenshotOptions options;
    const QString wrong = readScreenshot(parser, options);
    return wrong.isEmpty() ? takeScreenshots(window, options) : fail(wrong, kWrongCommandLine);
  }
  QTimer idle;
  QObject::connect(&idle, &QTimer::timeout, &window, [] { qs::freeIdleMemory(); });
  idle.start(kIdleTime);
  window.restoreWindowState();
  window.show();
  if (!parser.positionalArguments().isEmpty()) window.open(parser.positionalArguments().front());
  return QApplication::exec();
}
