#include "base/clock.h"

#include <time.h>

#include <chrono>

namespace talea {

std::uint64_t SystemClock::wall_ms() {
  // The coarse clock steps with the timer interrupt, every few milliseconds, and costs a fifth of
  // the fine one; every write asks for it.
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

std::uint64_t SystemClock::monotonic_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace talea
