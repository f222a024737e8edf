#include "tests/cli/cli_runner.h"

#include <QProcess>
#include <QThread>

#include <csignal>

namespace qs::test {

namespace {

constexpr int kPatienceMs = 120'000;

CliResult finish(QProcess& process) {
  CliResult result;
  if (!process.waitForFinished(kPatienceMs)) process.kill();
  if (process.exitStatus() == QProcess::NormalExit) result.status = process.exitCode();
  result.out = process.readAllStandardOutput();
  result.err = process.readAllStandardError();
  return result;
}

}  // namespace

bool CliResult::hasOneErrorLine() const {
  return err.startsWith("quantscope-cli: error: ") && err.count('\n') == 1 && err.endsWith('\n');
}

CliResult runCli(const QStringList& arguments) {
  QProcess process;
  process.setStandardInputFile(QProcess::nullDevice());
  process.start(QUANTSCOPE_CLI, arguments);
  return finish(process);
}

CliResult interruptCli(const QStringList& arguments, int milliseconds, int signal) {
  QProcess process;
  process.setStandardInputFile(QProcess::nullDevice());
  process.start(QUANTSCOPE_CLI, arguments);
  process.waitForStarted();
  QThread::msleep(static_cast<unsigned long>(milliseconds));
  kill(static_cast<pid_t>(process.processId()), signal);
  return finish(process);
}

}  // namespace qs::test
