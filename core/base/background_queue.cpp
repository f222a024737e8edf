#include "core/base/background_queue.h"

#include <utility>

namespace qs {

BackgroundQueue::BackgroundQueue(std::size_t threads, std::uint64_t mostBytes) : m_mostBytes(mostBytes) {
  for (std::size_t i = 0; i < threads; ++i) m_threads.emplace_back([this] { runPieces(); });
}

BackgroundQueue::~BackgroundQueue() {
  {
    const std::lock_guard lock(m_mutex);
    m_isClosed = true;
    m_waiting.clear();
  }
  m_changed.notify_all();
  for (std::thread& thread : m_threads) thread.join();
}

void BackgroundQueue::push(std::uint64_t bytes, std::function<void()> work) {
  std::unique_lock lock(m_mutex);
  m_changed.wait(lock, [&] { return m_fault || m_unfinished == 0 || m_bytes + bytes <= m_mostBytes; });
  rethrowFault();
  m_waiting.push_back({bytes, std::move(work)});
  m_bytes += bytes;
  ++m_unfinished;
  lock.unlock();
  m_changed.notify_all();
}

void BackgroundQueue::finish() {
  std::unique_lock lock(m_mutex);
  m_changed.wait(lock, [this] { return m_fault || m_unfinished == 0; });
  rethrowFault();
}

void BackgroundQueue::rethrowFault() const {
  if (m_fault) std::rethrow_exception(m_fault);
}

void BackgroundQueue::runPieces() {
  std::unique_lock lock(m_mutex);
  while (true) {
    m_changed.wait(lock, [this] { return m_isClosed || (!m_waiting.empty() && !m_fault); });
    if (m_isClosed) return;
    Piece piece = std::move(m_waiting.front());
    m_waiting.pop_front();
    lock.unlock();
    std::exception_ptr fault;
    try {
      piece.work();
    } catch (...) {
      fault = std::current_exception();
    }
    piece.work = nullptr;  // what it holds goes before its place is given away
    lock.lock();
    if (!m_fault) m_fault = fault;
    m_bytes -= piece.bytes;
    --m_unfinished;
    m_changed.notify_all();
  }
}

}  // namespace qs
