#include "engine/reaper.h"

#include "engine/engine_store.h"
#include "engine/expiry_hint.h"

namespace talea {

namespace {

constexpr std::size_t kReapedAtOnce = 256;
constexpr int kBatchesInStep = 64;

// A key that is put again and again meanwhile stays for the next step, and spoils no more than so
// many tries of a batch.
constexpr int kTriesMax = 8;

// After a failure, as on a full disk.
constexpr std::uint64_t kRetryMs = 1000;

}  // namespace

void Reaper::expects(std::uint64_t expiry_ms) {
  std::uint64_t next = next_ms_.load(std::memory_order_relaxed);
  while (expiry_ms < next && !next_ms_.compare_exchange_weak(next, expiry_ms)) {
  }
}

void Reaper::step() {
  const std::uint64_t now_ms = store_.now_ms();
  if (now_ms < next_ms_.load()) [[likely]]
    return;
  MutexLock lock(step_mutex_);
  // Before the look: whoever commits after it lowers this again.
  next_ms_.store(UINT64_MAX);
  Bytes from;
  for (int batches = 0; batches < kBatchesInStep; ++batches) {
    const Result<bool> more = reap_some(now_ms, from);
    if (!more.ok()) return expects(now_ms + kRetryMs);
    if (*more) continue;
    if (!look_ahead(now_ms).ok()) expects(now_ms + kRetryMs);
    return;
  }
  expects(now_ms);
}

Result<bool> Reaper::reap_some(std::uint64_t now_ms, Bytes& from) {
  std::size_t seen = 0;
  std::vector<Due> due = TALEA_TRY(collect(now_ms, from, seen));
  TALEA_TRY(remove(due, now_ms));
  return seen == kReapedAtOnce;
}

Result<std::vector<Reaper::Due>> Reaper::collect(std::uint64_t now_ms, Bytes& from,
                                                 std::size_t& seen) {
  std::vector<Due> due;
  Scan hints = TALEA_TRY(
      store_.scan_hints({.start = from, .end = end_of_hints(now_ms), .limit = kReapedAtOnce}));
  while (TALEA_TRY(hints.next())) {
    ++hints_read_;
    ++seen;
    from = Bytes(hints.key()) + '\0';
    Due one;
    one.hint = hints.key();
    if (const std::optional<ExpiryHint> hint = ExpiryHint::decode(one.hint)) {
      const auto present = store_.look_up(hint->space, hint->key);
      if (present.status().code() == Code::corruption) {
        expects(now_ms + kRetryMs);  // what is damaged must not keep the others
        continue;
      }
      TALEA_TRY(Status(present.status()));
      const bool is_there = present->has_value();
      one.unchanged = {.kind = is_there ? Batch::Precondition::Kind::revision
                                        : Batch::Precondition::Kind::absent,
                       .space = hint->space,
                       .key = Bytes(hint->key),
                       .revision = is_there ? (*present)->revision : 0};
      one.is_expired = is_there && (*present)->expiry_ms == hint->expiry_ms;
    }
    due.push_back(std::move(one));
  }
  return due;
}

Status Reaper::remove(std::vector<Due>& due, std::uint64_t now_ms) {
  for (int tries = 0; tries < kTriesMax && !due.empty(); ++tries) {
    Batch batch;
    std::vector<std::size_t> checked;  // which of those that are due a precondition is about
    std::uint64_t expired = 0;
    for (std::size_t i = 0; i < due.size(); ++i) {
      const Due& one = due[i];
      batch.remove(one.hint, kExpirySpace);
      if (one.unchanged.key.empty()) continue;
      batch.add(one.unchanged);
      checked.push_back(i);
      if (!one.is_expired) continue;
      batch.remove(one.unchanged.key, one.unchanged.space);
      ++expired;
    }
    FailedPrecondition failed;
    const Result<Sequence> removed = store_.remove_expired(batch, expired, &failed);
    if (removed.ok()) return {};
    if (removed.status().code() != Code::conflict) return removed.status();
    due.erase(due.begin() + static_cast<std::ptrdiff_t>(checked[failed.position]));
    expects(now_ms);  // it is looked at again
  }
  return {};
}

Status Reaper::look_ahead(std::uint64_t now_ms) {
  Scan hints = TALEA_TRY(store_.scan_hints({.start = end_of_hints(now_ms), .limit = 1}));
  if (!TALEA_TRY(hints.next())) return {};
  ++hints_read_;
  const std::optional<ExpiryHint> hint = ExpiryHint::decode(hints.key());
  expects(hint ? hint->expiry_ms : now_ms + kRetryMs);
  return {};
}

}  // namespace talea
