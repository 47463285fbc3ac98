// LogState: what this process knows of the log and of the keys' objects from what it last saw.
//
// An ETag of a key's object is of use for a set only if the object cannot have changed since it was
// seen. Objects change when an entry is appended, or when the newest entry's object is written
// late. So an ETag is kept that was seen while the newest entry known was *settled* (its object is
// there), and it is good for as long as the log has no other newest entry: the condition of the put
// of the log finds that out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "ledger/objects.h"

namespace talea {

/// What is known of a key's object.
struct KnownKey {
  s3::Etag etag;  // empty: there is none
  /// Nothing: not known, or the object is damaged.
  std::optional<std::int64_t> sequence;
};

/// The newest version of the log.
struct LogHead {
  /// None: the log is empty.
  std::optional<LedgerEntry> entry;
  /// For the condition of the next put; empty: there is no object, or a delete marker.
  s3::Etag etag;
  /// Of the put that wrote it; empty: not known, or there was none.
  std::string write_nonce = {};

  std::string_view version_id() const {
    return entry ? std::string_view(entry->version_id) : std::string_view();
  }
  std::int64_t sequence() const { return entry ? entry->sequence : -1; }
  std::uint64_t time_ms() const { return entry ? entry->timestamp_ms : 0; }
};

/// Threads: safe.
class LogState {
 public:
  struct Known {
    LogHead head;
    bool settled = false;
    /// Changes with everything that may make ETags old.
    std::uint64_t epoch = 0;
  };

  /// Nothing: not known, or found to be old.
  std::optional<Known> known() const;

  /// The log was read, or written, and this is its newest. An older one than is known is ignored,
  /// unless it was written later: that of a log that was begun again.
  /// An empty head means that there never was an entry, not that there is no object.
  void saw_head(const LogHead& head);
  /// The put of the log was refused, or nobody knows what became of it.
  void forget_head();
  /// The object of the newest entry is there, in this state. Ignored when another is newest by now.
  void settled(std::string_view version_id, const KnownKey& key);

  std::optional<KnownKey> key(std::string_view key) const;
  /// Kept if the newest entry was settled at `epoch`, and is the same.
  void saw_key(std::string_view key, const KnownKey& known, std::uint64_t epoch);

 private:
  void remember(std::string_view key, const KnownKey& known) TALEA_REQUIRES(mutex_);

  mutable Mutex mutex_;
  bool is_known_ TALEA_GUARDED_BY(mutex_) = false;
  Known known_ TALEA_GUARDED_BY(mutex_);
  std::unordered_map<std::string, KnownKey> keys_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
