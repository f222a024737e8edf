#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace qs {

/// Runs pieces of work on threads of its own, begun in the order in which they come: for what waits for a disk, while
/// the worker threads compute. The threads have the scheduling class of who makes the queue. Thread-safe.
class BackgroundQueue {
 public:
  /// `mostBytes`: what the pieces that aren't done yet may hold together; a larger one has the queue for itself.
  BackgroundQueue(std::size_t threads, std::uint64_t mostBytes);
  /// Waits for the pieces at work; those that wait are dropped.
  ~BackgroundQueue();
  BackgroundQueue(const BackgroundQueue&) = delete;
  BackgroundQueue& operator=(const BackgroundQueue&) = delete;
  BackgroundQueue(BackgroundQueue&&) = delete;
  BackgroundQueue& operator=(BackgroundQueue&&) = delete;

  /// Adds a piece that holds `bytes`, once there is room. Throws the first exception of an earlier piece instead; after
  /// that nothing more is begun.
  void push(std::uint64_t bytes, std::function<void()> work);
  /// Waits until every piece is done. Throws the first exception of any.
  void finish();

 private:
  struct Piece {
    std::uint64_t bytes = 0;
    std::function<void()> work;
  };

  void runPieces();
  void rethrowFault() const;

  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::deque<Piece> m_waiting;
  std::uint64_t m_mostBytes;
  std::uint64_t m_bytes = 0;  // of the pieces that aren't done
  std::size_t m_unfinished = 0;
  std::exception_ptr m_fault;
  bool m_isClosed = false;
  std::vector<std::thread> m_threads;
};

}  // namespace qs
