#include <QtTest>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "core/base/background_queue.h"
#include "core/base/error.h"

class TestBackgroundQueue : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void runsEveryPieceInOrder() {
    std::vector<int> order;
    qs::BackgroundQueue queue(1, 10);
    for (int i = 0; i < 100; ++i) queue.push(3, [&order, i] { order.push_back(i); });
    queue.finish();
    QCOMPARE(order.size(), std::size_t{100});
    for (int i = 0; i < 100; ++i) QCOMPARE(order[static_cast<std::size_t>(i)], i);
  }

  void waitsForRoom_data() {
    QTest::addColumn<int>("first");
    QTest::addColumn<int>("second");
    QTest::newRow("two that don't fit together") << 60 << 60;
    QTest::newRow("one beyond the limit") << 1 << 1000;
  }
  void waitsForRoom() {
    QFETCH(const int, first);
    QFETCH(const int, second);
    std::promise<void> go;
    std::future<void> asked = go.get_future();
    std::atomic<int> done = 0;
    qs::BackgroundQueue queue(2, 100);
    queue.push(static_cast<std::uint64_t>(first), [&] {
      asked.wait();
      ++done;
    });
    std::future<void> pushed = std::async(
        std::launch::async, [&] { queue.push(static_cast<std::uint64_t>(second), [&] { QCOMPARE(++done, 2); }); });
    QCOMPARE(pushed.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    go.set_value();
    pushed.get();
    queue.finish();
    QCOMPARE(done.load(), 2);
  }

  void theFirstFaultEndsIt() {
    std::atomic<int> begun = 0;
    qs::BackgroundQueue queue(1, 10);
    queue.push(1, [&] {
      ++begun;
      throw qs::failedError("disk", "full");
    });
    QVERIFY_EXCEPTION_THROWN(queue.finish(), qs::Error);
    QVERIFY_EXCEPTION_THROWN(queue.push(1, [&] { ++begun; }), qs::Error);
    QVERIFY_EXCEPTION_THROWN(queue.finish(), qs::Error);
    QCOMPARE(begun.load(), 1);
  }

  void whatWaitsIsDroppedAtTheEnd() {
    std::promise<void> started;
    std::atomic<int> begun = 0;
    std::atomic<bool> isDone = false;
    {
      qs::BackgroundQueue queue(1, 100);
      queue.push(1, [&] {
        ++begun;
        started.set_value();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        isDone = true;
      });
      started.get_future().wait();
      for (int i = 0; i < 10; ++i) queue.push(1, [&] { ++begun; });
    }
    QVERIFY(isDone.load());
    QCOMPARE(begun.load(), 1);
  }
};

QTEST_APPLESS_MAIN(TestBackgroundQueue)
#include "tst_background_queue.moc"
