// Clock: the seam through which time reaches us.
//
// Two times are kept apart. `wall_ms` is what people and expiry mean by time, and may jump in
// either direction; `monotonic_ns` never goes back and measures durations. Tests inject a
// ManualClock, which moves only when it is told to.
#pragma once

#include <atomic>
#include <cstdint>

namespace talea {

/// Threads: safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC.
  virtual std::uint64_t wall_ms() = 0;
  /// Nanoseconds since an arbitrary moment.
  virtual std::uint64_t monotonic_ns() = 0;
};

/// The clock of the machine.
class SystemClock final : public Clock {
 public:
  std::uint64_t wall_ms() override;
  std::uint64_t monotonic_ns() override;
};

/// A clock for tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::uint64_t wall_ms = 1'700'000'000'000) : wall_ms_(wall_ms) {}
  std::uint64_t wall_ms() override { return wall_ms_.load(); }
  std::uint64_t monotonic_ns() override { return monotonic_ns_.load(); }

  /// Moves both clocks forward.
  void advance_ms(std::uint64_t milliseconds) {
    wall_ms_ += milliseconds;
    monotonic_ns_ += milliseconds * 1'000'000;
  }
  /// Sets the wall clock alone, back as well as forward.
  void set_wall_ms(std::uint64_t wall_ms) { wall_ms_ = wall_ms; }

 private:
  std::atomic<std::uint64_t> wall_ms_;
  std::atomic<std::uint64_t> monotonic_ns_{0};
};

}  // namespace talea
