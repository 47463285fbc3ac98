#include "engine/write_bounds.h"

#include <algorithm>

namespace talea {

namespace {

// The end of a snapshot tells nobody. Who waits for it looks as often as this.
constexpr std::uint64_t kLookAgainNs = 10'000'000;

}  // namespace

void WriteBounds::reached(Bound bound, bool is) {
  if (is_reached(set_of(bound)) == is) [[likely]]
    return;
  if (is) {
    reached_.fetch_or(set_of(bound), std::memory_order_relaxed);
    return;
  }
  reached_.fetch_and(~set_of(bound), std::memory_order_relaxed);
  wake();
}

void WriteBounds::wake() {
  MutexLock lock(mutex_);
  if (waiting_ > 0) changed_.notify_all();
}

bool WriteBounds::wait_for(Bounds bounds, const std::function<void()>& help) {
  const auto wait_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(limits_.wait).count());
  const std::uint64_t end_ns = clock_.monotonic_ns() + wait_ns;
  {
    MutexLock lock(mutex_);
    ++waiting_;
  }
  for (;;) {
    help();
    MutexLock lock(mutex_);
    const std::uint64_t now_ns = clock_.monotonic_ns();
    if (!is_reached(bounds) || now_ns >= end_ns) {
      --waiting_;
      return !is_reached(bounds);
    }
    changed_.wait_for(mutex_, std::chrono::nanoseconds(std::min(end_ns - now_ns, kLookAgainNs)));
  }
}

std::size_t WriteBounds::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

}  // namespace talea
