// Histogram: counts durations from one nanosecond to a quarter of a minute in 256 buckets, eight
// to each power of two, so that a quantile is right to 12 %.
//
// Source: the log-linear buckets of HdrHistogram, without its configurability.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace talea {

/// Threads: safe.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 256;

  static std::size_t bucket_of(std::uint64_t ns) {
    if (ns < 8) return static_cast<std::size_t>(ns);
    const auto exponent = static_cast<std::size_t>(std::bit_width(ns)) - 1;
    const std::size_t bucket = (exponent - 2) * 8 + ((ns >> (exponent - 3)) & 7);
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  /// The largest duration that falls into `bucket`.
  static std::uint64_t upper_of(std::size_t bucket) {
    if (bucket < 8) return bucket;
    if (bucket >= kBuckets - 1) return UINT64_MAX;
    const std::size_t exponent = bucket / 8 + 2;
    return ((8 + bucket % 8 + 1) << (exponent - 3)) - 1;
  }

  void record(std::uint64_t ns) {
    buckets_[bucket_of(ns)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(ns, std::memory_order_relaxed);
    std::uint64_t seen = max_.load(std::memory_order_relaxed);
    while (ns > seen && !max_.compare_exchange_weak(seen, ns, std::memory_order_relaxed)) {
    }
  }

  // Relaxed, all of them: a reader wants counts that are right once the calls have returned, not
  // counts that agree with each other while they run.
  std::uint64_t bucket(std::size_t position) const {
    return buckets_[position].load(std::memory_order_relaxed);
  }
  std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t max() const { return max_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

/// A count of events. Threads: safe.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  /// The same for a count that one thread at a time adds to, at a fifth of the cost.
  void add_alone(std::uint64_t count = 1) {
    value_.store(value() + count, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace talea
