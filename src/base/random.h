// Random: the seam through which unpredictable bytes reach us (segment salts, store ids).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mutex.h"

namespace talea {

/// Threads: safe.
class Random {
 public:
  virtual ~Random() = default;
  /// Fills `out`. The system source is fit for keys; the seeded one is not.
  virtual void fill(std::span<unsigned char> out) = 0;

  std::uint64_t next_u64();
};

/// getrandom(2).
class SystemRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override;
};

/// The same bytes for the same seed; for tests and golden files.
/// Source: SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<unsigned char> out) override;

 private:
  Mutex mutex_;
  std::uint64_t state_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
