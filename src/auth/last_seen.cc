#include "auth/last_seen.h"

#include "talea/limits.h"

namespace talea {
namespace {

constexpr std::uint64_t kLagNs = kLastSeenLagMs * 1'000'000;
// Of one batch: each has a precondition, which the store compares with what is queued.
constexpr std::size_t kTimesPerBatch = 1024;

AuthKind kind_of_owner(AuthKind kind) {
  return kind == AuthKind::login_seen ? AuthKind::user : AuthKind::api_key;
}

}  // namespace

bool LastSeen::is_due() const {
  if (waiting_.empty() || is_flushing_) return false;
  return waiting_.size() >= kLastSeenWaitingMax ||
         clock_.monotonic_ns() - waiting_since_ns_ >= kLagNs;
}

void LastSeen::note(AuthKind kind, const AuthId& id) {
  bool due = false;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty()) waiting_since_ns_ = clock_.monotonic_ns();
    const auto at = waiting_.find({kind, id});
    if (at != waiting_.end()) {
      at->second = clock_.wall_ms();
    } else if (waiting_.size() < kLastSeenWaitingMax) {
      waiting_[{kind, id}] = clock_.wall_ms();
    }
    due = is_due();
  }
  // A failure is no failure of who is seen: what waits is tried again later.
  if (due) static_cast<void>(flush().ok());
}

std::uint64_t LastSeen::waiting_time_of(AuthKind kind, const AuthId& id) const {
  MutexLock lock(mutex_);
  const auto at = waiting_.find({kind, id});
  return at == waiting_.end() ? 0 : at->second;
}

Result<std::uint64_t> LastSeen::time_of(AuthKind kind, const AuthId& id) {
  const std::uint64_t waiting = waiting_time_of(kind, id);
  if (waiting != 0) return waiting;
  const auto stored = TALEA_TRY(records_.seen(kind, id));
  return stored ? stored->record.time_ms : 0;
}

Status LastSeen::flush() {
  MutexLock only_one(flush_mutex_);
  Times times;
  {
    MutexLock lock(mutex_);
    times = waiting_;
    is_flushing_ = true;
  }
  // Also when there is no memory for a batch: else nothing would be written by itself any more.
  struct Ending {
    LastSeen& of;
    ~Ending() {
      MutexLock lock(of.mutex_);
      of.is_flushing_ = false;
      of.waiting_since_ns_ = of.clock_.monotonic_ns();
    }
  };
  const Ending ending{*this};
  Status written;
  while (written.ok() && !times.empty()) {
    Times some;
    while (some.size() < kTimesPerBatch && !times.empty())
      some.insert(times.extract(times.begin()));
    written = write(some);
    if (written.ok()) forget(some);
  }
  return written;
}

void LastSeen::forget(const Times& times) {
  MutexLock lock(mutex_);
  for (const auto& [whom, time] : times) {
    const auto at = waiting_.find(whom);
    // Who was seen meanwhile waits on.
    if (at != waiting_.end() && at->second == time) waiting_.erase(at);
  }
}

Status LastSeen::write(const Times& times) {
  return records_.change([&]() -> Result<Batch> {
    Batch batch;
    for (const auto& [whom, time] : times) {
      const auto& [kind, id] = whom;
      const Bytes owner = key_of(kind_of_owner(kind), id);
      if (!TALEA_TRY(records_.exists(owner))) continue;
      batch.put(key_of(kind, id), encode(SeenRecord{kind, id, time}), kAuthSpace);
      batch.require_present(owner, kAuthSpace);
    }
    return batch;
  });
}

}  // namespace talea
