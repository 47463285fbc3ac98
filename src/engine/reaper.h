// Reaper: removes keys that have expired, so that their space comes back.
//
// Readers do not wait for it: an expired key is absent for them at once. It goes by the hints
// (expiry_hint.h), lowest first, and commits ordinary removals; a hint that is stale goes without
// its key. While nothing is due a step is a look at the clock.
//
//     hints    1000 a | 1000 b | 1200 a | 9000 c          at 1500: a expires at 9999 by now
//     commit   { b as I saw it: remove b and its hint; a as I saw it: remove the hints of 1000,
//     1200 }
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/mutex.h"
#include "talea/batch.h"
#include "talea/result.h"

namespace talea {

class EngineStore;

/// Threads: safe. Steps wait for one another.
class Reaper {
 public:
  explicit Reaper(EngineStore& store) : store_(store) {}

  /// Something that is committed expires at this moment.
  void expects(std::uint64_t expiry_ms);
  /// Removes what is due, up to some ten thousand keys.
  void step() TALEA_EXCLUDES(step_mutex_);
  /// In all steps.
  std::uint64_t hints_read() const { return hints_read_.load(); }

 private:
  // What is due, and as of which state of its key.
  struct Due {
    Bytes hint;
    Batch::Precondition unchanged;  // without a key: the hint makes no sense
    bool is_expired = false;        // else the hint alone is to go
  };

  /// Whether there may be more.
  /// `from`: where to begin, and to go on.
  Result<bool> reap_some(std::uint64_t now_ms, Bytes& from);
  Result<std::vector<Due>> collect(std::uint64_t now_ms, Bytes& from, std::size_t& seen);
  Status remove(std::vector<Due>& due, std::uint64_t now_ms);
  Status look_ahead(std::uint64_t now_ms);

  EngineStore& store_;
  Mutex step_mutex_;
  std::atomic<std::uint64_t> hints_read_{0};
  // Nothing is due before. 0 at first: the store may have been closed for long.
  std::atomic<std::uint64_t> next_ms_{0};
};

}  // namespace talea
