// WriteBounds: how far writers may be ahead of what cleans up behind them.
//
// Two things grow with every overwrite until somebody else is done: the undo list, until the
// snapshots end that need it, and garbage on the disk, until compaction has been there. Without a
// bound a snapshot that was forgotten, or a compaction that cannot keep up, ends in a full memory
// or a full disk. So whoever keeps the account says here when a bound is reached and when it is not
// any more; a writer that finds one reached waits, lends a hand, and is refused if that does not
// help in time.
//
//     who keeps the account   reached(bound, yes or no)
//     writer                  is_open()? ── no ──> wait_for(bounds): help, look, sleep, ... refused
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "base/mutex.h"
#include "talea/limits.h"

namespace talea {

/// Threads: safe.
class WriteBounds {
 public:
  struct Limits {
    std::uint64_t undo_changes = kUndoChangesMax;
    std::uint64_t garbage_bytes = kGarbageBytesMax;
    std::chrono::milliseconds wait{kBoundWaitMs};
  };
  enum class Bound : std::uint32_t { undo = 1, garbage = 2 };
  /// A set of them.
  using Bounds = std::uint32_t;
  static constexpr Bounds set_of(Bound bound) { return static_cast<Bounds>(bound); }

  /// `clock` outlives it.
  WriteBounds(Clock& clock, const Limits& limits) : clock_(clock), limits_(limits) {}

  const Limits& limits() const { return limits_; }
  /// Whether no bound is reached. Cost: one load.
  bool is_open() const { return reached_.load(std::memory_order_relaxed) == 0; }
  bool is_reached(Bounds any_of) const {
    return (reached_.load(std::memory_order_relaxed) & any_of) != 0;
  }

  /// Says that a bound is reached, or is not. Cost when that is no news: one load.
  void reached(Bound bound, bool is) TALEA_EXCLUDES(mutex_);
  /// Lets those that wait look at the clock.
  void wake() TALEA_EXCLUDES(mutex_);

  /// Returns when none of `bounds` is reached, true, or after Limits::wait, false. Calls `help`
  /// before each sleep: it may do what brings the end nearer.
  bool wait_for(Bounds bounds, const std::function<void()>& help) TALEA_EXCLUDES(mutex_);
  /// How many writers wait.
  std::size_t waiting() const TALEA_EXCLUDES(mutex_);

 private:
  Clock& clock_;
  const Limits limits_;
  std::atomic<Bounds> reached_{0};
  mutable Mutex mutex_;
  CondVar changed_;
  std::size_t waiting_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea
