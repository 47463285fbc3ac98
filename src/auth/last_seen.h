// LastSeen: when users logged in and keys were used last. Kept in memory, and written from time to
// time for all of them at once, so that a check of a key writes nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "auth/record_store.h"
#include "auth/records.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace talea {

/// Threads: safe. Locks: `flush_mutex_`, held over a commit so that one thread does it, before
/// `mutex_`.
class LastSeen {
 public:
  /// Both outlive it.
  LastSeen(RecordStore& records, Clock& clock) : records_(records), clock_(clock) {}

  /// Notes the present. `kind`: login_seen or api_key_seen. May write all that waits, when the
  /// first of it has waited for kLastSeenLagMs, or too many do: should that fail, they wait on, and
  /// what is beyond kLastSeenWaitingMax is lost.
  void note(AuthKind kind, const AuthId& id);
  /// The newest time, in milliseconds; 0: never.
  Result<std::uint64_t> time_of(AuthKind kind, const AuthId& id);
  /// What memory has of it; 0: nothing.
  std::uint64_t waiting_time_of(AuthKind kind, const AuthId& id) const;
  /// Writes all that waits.
  Status flush();

 private:
  using Times = std::map<std::pair<AuthKind, AuthId>, std::uint64_t>;

  bool is_due() const TALEA_REQUIRES(mutex_);
  Status write(const Times& times);
  void forget(const Times& times);

  RecordStore& records_;
  Clock& clock_;
  Mutex flush_mutex_;
  mutable Mutex mutex_;
  Times waiting_ TALEA_GUARDED_BY(mutex_);
  // Of the monotonic clock: when the first of them began to wait, or writing them failed last.
  std::uint64_t waiting_since_ns_ TALEA_GUARDED_BY(mutex_) = 0;
  bool is_flushing_ TALEA_GUARDED_BY(mutex_) = false;
};

}  // namespace talea
