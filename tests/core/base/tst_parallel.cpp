#include <QtTest>

#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"

class TestParallel : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everyIndexRunsOnce() {
    std::vector<std::atomic<int>> counts(1000);
    qs::inWorkerArena({.threads = 3}, [&] { qs::parallelFor({}, counts.size(), [&](std::size_t i) { ++counts[i]; }); });
    for (const auto& count : counts) QCOMPARE(count.load(), 1);
  }

  void eightThreadsReallyStart() {
    // Each call keeps its thread until all eight are there, however late a loaded machine starts them.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::mutex mutex;
    std::condition_variable arrived;
    std::set<std::thread::id> threads;
    qs::inWorkerArena({.threads = 8}, [&] {
      qs::parallelFor({}, 64, [&](std::size_t) {
        std::unique_lock lock(mutex);
        threads.insert(std::this_thread::get_id());
        arrived.notify_all();
        arrived.wait_until(lock, deadline, [&] { return threads.size() == 8; });
      });
    });
    QCOMPARE(threads.size(), std::size_t{8});
  }

  void stopsWhenAsked() {
    std::stop_source source;
    const qs::RunContext context{.stop = source.get_token(), .threads = 2};
    std::atomic<int> runs = 0;
    const auto work = [&] {
      qs::inWorkerArena(context, [&] {
        qs::parallelFor(context, 10000, [&](std::size_t) {
          if (++runs == 10) source.request_stop();
        });
      });
    };
    QVERIFY_EXCEPTION_THROWN(work(), qs::Cancelled);
    QVERIFY(runs < 10000);
  }

  void aFaultBesideLeavesNoLoopHalfDone() {
    // The second body's loop begins when the first one has failed; it must run whole.
    for (int round = 0; round < 20; ++round) {
      std::atomic<bool> fails = false;
      std::atomic<int> runs = 0;
      const auto work = [&] {
        qs::inWorkerArena({.threads = 2}, [&] {
          qs::parallelFor({}, 2, [&](std::size_t body) {
            if (body == 0) {
              fails = true;
              throw qs::inputError("file", "bad");
            }
            for (int i = 0; i < 10'000 && !fails; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            qs::parallelFor({}, 100, [&](std::size_t) { ++runs; });
          });
        });
      };
      QVERIFY_EXCEPTION_THROWN(work(), qs::Error);
      QVERIFY(runs == 100 || runs == 0);  // 0: the fault came before the second body began
    }
  }

  void threadsRunAtThePriorityAskedFor() {
    const int before = sched_getscheduler(0);
    const qs::RunContext outer{.threads = 2, .priority = qs::WorkerPriority::Normal};
    const qs::RunContext inner{.threads = 2, .priority = qs::WorkerPriority::Low};
    std::atomic<int> others = 0;
    std::atomic<int> batches = 0;
    qs::inWorkerArena(outer, [&] {
      qs::inWorkerArena(inner, [&] {
        qs::parallelFor(inner, 100, [&](std::size_t) { batches += sched_getscheduler(0) == SCHED_BATCH ? 1 : 0; });
      });
      qs::parallelFor(outer, 100, [&](std::size_t) { others += sched_getscheduler(0) == SCHED_OTHER ? 1 : 0; });
    });
    QCOMPARE(batches.load(), 100);
    QCOMPARE(others.load(), 100);
    QCOMPARE(sched_getscheduler(0), before);
  }

  void exceptionsPassThrough() {
    const auto work = [] {
      qs::inWorkerArena({.threads = 2}, [] {
        qs::parallelFor({}, 10, [](std::size_t i) {
          if (i == 5) throw qs::inputError("file", "bad");
        });
      });
    };
    QVERIFY_EXCEPTION_THROWN(work(), qs::Error);
  }
};

QTEST_APPLESS_MAIN(TestParallel)
#include "tst_parallel.moc"
