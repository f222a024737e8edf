#include "tests/cli/cli_runner.h"

#include <QDirIterator>
#include <QProcess>

#include <csignal>

#include <sched.h>

namespace qs::test {

namespace {

constexpr int kPatienceMs = 600'000;  // a training takes minutes under the sanitizers, beside another test

CliResult finish(QProcess& process) {
  CliResult result;
  if (process.state() != QProcess::NotRunning && !process.waitForFinished(kPatienceMs)) {
    qWarning("stopped because it took too long: %s", qPrintable(process.arguments().join(' ')));
    process.kill();
    process.waitForFinished(-1);  // before that it would count as having ended well
  }
  if (process.exitStatus() == QProcess::NormalExit) result.status = process.exitCode();
  result.out = process.readAllStandardOutput();
  result.err = process.readAllStandardError();
  return result;
}

int storedLayers(const QString& folder) {
  int count = 0;
  for (QDirIterator files(folder, {"*.layer"}, QDir::Files, QDirIterator::Subdirectories); files.hasNext();) {
    files.next();
    ++count;
  }
  return count;
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

CliResult runCliOnOneCore(const QStringList& arguments) {
  QProcess process;
  process.setStandardInputFile(QProcess::nullDevice());
  process.setChildProcessModifier([] {
    cpu_set_t cores;
    sched_getaffinity(0, sizeof cores, &cores);
    int first = 0;
    while (!CPU_ISSET(first, &cores)) ++first;
    CPU_ZERO(&cores);
    CPU_SET(first, &cores);
    sched_setaffinity(0, sizeof cores, &cores);
  });
  process.start(QUANTSCOPE_CLI, arguments);
  return finish(process);
}

CliResult interruptCli(const QStringList& arguments, int signal) {
  const QString runs = qEnvironmentVariable("XDG_CACHE_HOME") + "/quantscope/runs";
  const int before = storedLayers(runs);
  QProcess process;
  process.setStandardInputFile(QProcess::nullDevice());
  process.start(QUANTSCOPE_CLI, arguments);
  process.waitForStarted();
  while (storedLayers(runs) == before && !process.waitForFinished(5)) {
  }
  // Process 0 would be this test and all that runs with it.
  if (process.processId() > 0) kill(static_cast<pid_t>(process.processId()), signal);
  return finish(process);
}

CliResult signalWhileReading(const QStringList& arguments, int signal, bool isIgnored) {
  QProcess process;
  if (isIgnored) process.setChildProcessModifier([signal] { std::signal(signal, SIG_IGN); });
  process.start(QUANTSCOPE_CLI, arguments);
  process.write(QByteArray("once ").repeated(100'000));  // more than a pipe holds: all gone = some was read
  while (process.bytesToWrite() > 0 && process.waitForBytesWritten(kPatienceMs)) {
  }
  if (process.processId() > 0) kill(static_cast<pid_t>(process.processId()), signal);
  if (isIgnored) process.closeWriteChannel();
  return finish(process);
}

CliResult runShell(const QString& command, const QStringList& arguments) {
  QProcess process;
  process.setStandardInputFile(QProcess::nullDevice());
  process.start("/bin/sh", QStringList{"-c", command, QUANTSCOPE_CLI} + arguments);
  return finish(process);
}

CliResult signalCli(const QStringList& arguments, int signal,
                    const std::function<bool(const QByteArray& progress)>& isTime) {
  QProcess process;
  process.setStandardInputFile(QProcess::nullDevice());
  process.setReadChannel(QProcess::StandardError);
  process.start(QUANTSCOPE_CLI, arguments + QStringList{"--progress"});
  QByteArray heard;
  while (!isTime(heard) && process.waitForReadyRead(kPatienceMs)) heard += process.readAllStandardError();
  if (process.processId() > 0) kill(static_cast<pid_t>(process.processId()), signal);
  CliResult result = finish(process);
  result.err.prepend(heard);
  return result;
}

}  // namespace qs::test
