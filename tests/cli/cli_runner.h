#pragma once

#include <QByteArray>
#include <QStringList>
#include <functional>

#include <string>
#include <vector>

namespace qs::test {

/// What a run of quantscope-cli gave.
struct CliResult {
  int status = -1;  ///< −1 where it crashed or took too long
  QByteArray out;
  QByteArray err;

  /// Whether standard error is exactly one line of the documented form.
  [[nodiscard]] bool hasOneErrorLine() const;
};

/// Runs the built program to its end; standard input is empty.
[[nodiscard]] CliResult runCli(const QStringList& arguments);

/// As runCli, with a single core for all its threads.
[[nodiscard]] CliResult runCliOnOneCore(const QStringList& arguments);

/// As runCli; sends `signal` as soon as the first quantized layer is stored. Needs XDG_CACHE_HOME in the environment.
[[nodiscard]] CliResult interruptCli(const QStringList& arguments, int signal);

/// As runCli; sends `signal` once the program has read from its standard input, which is closed only where the program
/// was started with the signal ignored.
[[nodiscard]] CliResult signalWhileReading(const QStringList& arguments, int signal, bool isIgnored);

/// Runs a shell's command in which "$0" is the program and "$1" and so on are the arguments.
[[nodiscard]] CliResult runShell(const QString& command, const QStringList& arguments);

/// As runCli with --progress; sends `signal` as soon as `isTime`, given the progress so far, says so.
[[nodiscard]] CliResult signalCli(const QStringList& arguments, int signal,
                                  const std::function<bool(const QByteArray& progress)>& isTime);

}  // namespace qs::test
