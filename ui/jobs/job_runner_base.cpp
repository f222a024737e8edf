#include "ui/jobs/job_runner_base.h"

#include <algorithm>

namespace qs {
namespace {

constexpr int kPollMilliseconds = 50;
constexpr int kCoresWithoutReserve = 4;

}  // namespace

int defaultJobThreads() {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return cores <= kCoresWithoutReserve ? cores : cores - 1;
}

JobRunnerBase::JobRunnerBase(QObject* parent) : QObject(parent) {
  m_timer.setInterval(kPollMilliseconds);
  connect(&m_timer, &QTimer::timeout, this, [this] {
    if (m_progress) Q_EMIT progressPolled(m_progress->snapshot());
  });
}

JobRunnerBase::~JobRunnerBase() { stopAndJoin(); }

void JobRunnerBase::cancel() {
  dropWaiting();
  m_stop.request_stop();
}

void JobRunnerBase::launch(std::function<void(const RunContext&)> work, std::function<void()> finish) {
  m_stop = std::stop_source();
  m_progress = std::make_shared<Progress>();
  const RunContext context{.stop = m_stop.get_token(),
                           .progress = m_progress.get(),
                           .threads = m_threads > 0 ? m_threads : defaultJobThreads(),
                           .priority = m_priority};
  m_timer.start();
  m_thread = std::thread([this, context, keep = m_progress, work = std::move(work), finish = std::move(finish)] {
    inWorkerArena(context, [&] { work(context); });
    QMetaObject::invokeMethod(
        this, [this, finish] { jobEnded(finish); }, Qt::QueuedConnection);
  });
}

void JobRunnerBase::jobEnded(const std::function<void()>& finish) {
  m_thread.join();
  m_timer.stop();
  if (startWaiting()) return;
  Q_EMIT busyChanged(false);
  finish();
}

void JobRunnerBase::stopAndJoin() {
  m_stop.request_stop();
  if (m_thread.joinable()) m_thread.join();
}

}  // namespace qs
