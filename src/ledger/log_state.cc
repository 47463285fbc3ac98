#include "ledger/log_state.h"

#include "talea/limits.h"

namespace talea {

std::optional<LogState::Known> LogState::known() const {
  MutexLock lock(mutex_);
  if (!is_known_) return std::nullopt;
  return known_;
}

void LogState::saw_head(const LogHead& head) {
  MutexLock lock(mutex_);
  const LogHead& before = known_.head;
  if (head.version_id() == before.version_id() && head.etag == before.etag) {
    is_known_ = true;
    if (!head.entry) known_.settled = true;
    return;
  }
  // A reader's answer may come later than that of a put. Only a log that was deleted, or cut, goes
  // back; forget_head() comes first then, because a put was refused. Who does not put knows it by
  // the time: an original client begins a log that somebody deleted again at 0.
  const bool is_late = head.sequence() < before.sequence() && head.time_ms() <= before.time_ms();
  if (is_known_ && is_late) return;
  const bool is_next = head.entry && head.entry->previous_version_id == before.version_id() &&
                       head.sequence() == before.sequence() + 1;
  if (is_next && known_.settled) {
    keys_.erase(head.entry->key);  // the others are as they were
  } else {
    keys_.clear();
  }
  known_ = {.head = head, .settled = !head.entry, .epoch = known_.epoch + 1};
  is_known_ = true;
}

void LogState::forget_head() {
  MutexLock lock(mutex_);
  is_known_ = false;
  ++known_.epoch;
}

void LogState::settled(std::string_view version_id, const KnownKey& key) {
  MutexLock lock(mutex_);
  if (known_.head.version_id() != version_id || !known_.head.entry) return;
  known_.settled = true;
  ++known_.epoch;
  remember(known_.head.entry->key, key);
}

std::optional<KnownKey> LogState::key(std::string_view key) const {
  MutexLock lock(mutex_);
  const auto found = keys_.find(std::string(key));
  if (found == keys_.end()) return std::nullopt;
  return found->second;
}

void LogState::saw_key(std::string_view key, const KnownKey& known, std::uint64_t epoch) {
  MutexLock lock(mutex_);
  if (is_known_ && known_.settled && known_.epoch == epoch) remember(key, known);
}

void LogState::remember(std::string_view key, const KnownKey& known) {
  if (keys_.size() >= kLedgerKnownKeysMax) keys_.erase(keys_.begin());
  keys_[std::string(key)] = known;
}

}  // namespace talea
