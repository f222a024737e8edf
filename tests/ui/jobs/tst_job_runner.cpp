#include <QSignalSpy>
#include <QtTest>
#include <atomic>
#include <new>

#include "ui/jobs/job_runner.h"
#include "ui/jobs/mailbox.h"

using namespace std::chrono_literals;

namespace {

/// Waits in short steps until it is told to stop.
int untilStopped(const qs::RunContext& context) {
  for (;;) {
    context.throwIfStopped();
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

class TestJobRunner : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void deliversTheResultOnTheUiThread() {
    qs::JobRunner<int> runner;
    QThread* deliveredOn = nullptr;
    QThread* workedOn = nullptr;
    int result = 0;
    runner.start(
        [&](const qs::RunContext&) {
          workedOn = QThread::currentThread();
          return 42;
        },
        [&](qs::JobOutcome<int> outcome) {
          deliveredOn = QThread::currentThread();
          result = outcome.result.value_or(0);
        });
    QVERIFY(runner.isBusy());
    QTRY_COMPARE(result, 42);
    QCOMPARE(deliveredOn, QThread::currentThread());
    QVERIFY(workedOn != QThread::currentThread());
    QVERIFY(!runner.isBusy());
  }

  void makesErrorsValues_data() {
    QTest::addColumn<int>("which");
    QTest::addColumn<int>("kind");
    QTest::addColumn<QString>("subject");
    QTest::newRow("an input error") << 0 << static_cast<int>(qs::ErrorKind::Input) << "a.safetensors";
    QTest::newRow("no memory") << 1 << static_cast<int>(qs::ErrorKind::Failed) << "Memory";
    QTest::newRow("any other exception") << 2 << static_cast<int>(qs::ErrorKind::Failed) << "Work";
  }
  void makesErrorsValues() {
    QFETCH(int, which);
    QFETCH(int, kind);
    QFETCH(QString, subject);
    qs::JobRunner<int> runner;
    std::optional<qs::JobError> error;
    runner.start(
        [which](const qs::RunContext&) -> int {
          if (which == 0) throw qs::inputError("a.safetensors", "it is empty");
          if (which == 1) throw std::bad_alloc();
          throw std::runtime_error("broken");
        },
        [&](qs::JobOutcome<int> outcome) { error = outcome.error; });
    QTRY_VERIFY(error.has_value());
    QCOMPARE(static_cast<int>(error->kind), kind);
    QCOMPARE(error->subject, subject);
    QVERIFY(!error->reason.isEmpty());
  }

  void theLatestStartWins() {
    qs::JobRunner<int> runner;
    QSignalSpy busy(&runner, &qs::JobRunnerBase::busyChanged);
    std::vector<int> delivered;
    const auto deliver = [&](qs::JobOutcome<int> outcome) { delivered.push_back(outcome.result.value_or(-1)); };
    runner.start(untilStopped, deliver);
    for (int i = 1; i <= 20; ++i) {
      runner.start([i](const qs::RunContext&) { return i; }, deliver);
    }
    QTRY_COMPARE(delivered.size(), std::size_t{1});
    QCOMPARE(delivered.front(), 20);
    QTest::qWait(20);
    QCOMPARE(delivered.size(), std::size_t{1});
    QCOMPARE(busy.count(), 2);  // once on, once off: superseding is no pause
  }

  void cancelEndsWithNeitherResultNorError() {
    qs::JobRunner<int> runner;
    bool cancelled = false;
    runner.start(untilStopped, [&](qs::JobOutcome<int> outcome) { cancelled = outcome.isCancelled(); });
    QTest::qWait(5);
    runner.cancel();
    QTRY_VERIFY(cancelled);
  }

  void cancelDropsAWaitingJob() {
    qs::JobRunner<int> runner;
    bool began = false;
    runner.start(untilStopped, [](auto) {});
    runner.start(
        [&](const qs::RunContext&) {
          began = true;
          return 1;
        },
        [](auto) {});
    runner.cancel();
    QTRY_VERIFY(!runner.isBusy());
    QVERIFY(!began);
  }

  void destroyingItStopsTheJobAndDeliversNothing() {
    bool delivered = false;
    {
      qs::JobRunner<int> runner;
      runner.start(untilStopped, [&](auto) { delivered = true; });
    }
    QTest::qWait(20);
    QVERIFY(!delivered);
  }

  void pollsProgressOnlyWhileBusy() {
    qs::JobRunner<int> runner;
    QSignalSpy polls(&runner, &qs::JobRunnerBase::progressPolled);
    runner.start(
        [](const qs::RunContext& context) {
          context.progress->beginStage("Working", "steps", 4);
          context.advance(1);
          return untilStopped(context);
        },
        [](auto) {});
    QTRY_VERIFY(polls.count() >= 2);
    const auto progress = polls.last().first().value<qs::ProgressSnapshot>();
    QCOMPARE(progress.stage, std::string("Working"));
    QCOMPARE(progress.done, 1.0);
    runner.cancel();
    QTRY_VERIFY(!runner.isBusy());
    const auto count = polls.count();
    QTest::qWait(150);
    QCOMPARE(polls.count(), count);
  }

  void aMailboxKeepsOrderAndEmptiesOnce() {
    qs::Mailbox<int> box;
    std::thread writer([&] {
      for (int i = 0; i < 1000; ++i) box.post(i);
    });
    std::vector<int> all;
    while (all.size() < 1000) {
      for (const int item : box.take()) all.push_back(item);
    }
    writer.join();
    for (int i = 0; i < 1000; ++i) QCOMPARE(all[static_cast<std::size_t>(i)], i);
    QVERIFY(box.take().empty());
  }
};

QTEST_GUILESS_MAIN(TestJobRunner)
#include "tst_job_runner.moc"
