// What the engine counts. stats() reads it.
#pragma once

#include <array>

#include "base/clock.h"
#include "base/epoch.h"
#include "base/histogram.h"
#include "talea/engine.h"

namespace talea {

/// Calls are counted one by one, and timed one in so many: two looks at the clock cost as much as
/// a hot read.
inline constexpr std::uint64_t kTimedOneIn = 64;

/// Threads: safe.
struct Metrics {
  /// What readers count: each on a line of its own, for the epoch guard of that number, which one
  /// thread holds.
  struct alignas(64) Reads {
    Counter gets;
    Counter gets_found;
    Counter scans;
    Counter rows_scanned;
  };
  std::array<Reads, EpochDomain::kGuardsMax> reads;
  Counter puts;
  Counter removes;
  Counter batches_committed;
  Counter batches_rejected;
  Counter batches_unknown;
  Counter conflicts;
  Counter log_bytes_written;
  Counter extent_bytes_written;
  Counter groups_written;
  Counter syncs;
  Counter segments_created;
  Counter segments_abandoned;
  Counter checkpoints;
  Counter bytes_compacted;
  Counter run_bytes_written;
  Counter keys_expired;
  Counter values_compressed;
  Counter bytes_before_compression;
  Counter bytes_after_compression;
  Histogram commit_latency;
  Histogram get_latency;

  void fill(Stats& stats) const;
};

/// Measures a call from construction to destruction, if it is one of those that are timed.
class Timer {
 public:
  /// `calls`: how many there were before.
  Timer(Clock& clock, Histogram& histogram, std::uint64_t calls)
      : clock_(calls % kTimedOneIn == 0 ? &clock : nullptr), histogram_(histogram) {
    if (clock_ != nullptr) began_ = clock_->monotonic_ns();
  }
  ~Timer() {
    if (clock_ != nullptr) histogram_.record(clock_->monotonic_ns() - began_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  Clock* const clock_;
  Histogram& histogram_;
  std::uint64_t began_ = 0;
};

}  // namespace talea
