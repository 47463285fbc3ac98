// Audit: the whole of a ledger read and compared, in the memory of a window.
//
//     pass 1   the log, newest entry first: hash, sequence, links; and of each entry whether its
//     key's
//              object is no older
//     pass 2   the objects of the keys: whether each is what the log entry says that it names
//
// So an object that lags is found at the entry that it lacks, and one that nobody wrote at its own
// name. Of the keys that were met last the audit remembers what their objects have, so that most
// are read once.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/executor.h"
#include "base/mutex.h"
#include "ledger/objects.h"

namespace talea {

/// One use, one thread; it starts others.
class Audit {
 public:
  /// All outlive it.
  Audit(LedgerObjects& objects, Executor& executor, std::uint32_t parallel_gets,
        const LedgerAuditOptions& options);

  /// As Ledger::audit().
  Result<LedgerAudit> run();

 private:
  struct Checked;
  struct Read;
  enum class Agreement : unsigned char { agrees, stale };

  void fault(LedgerFaultKind kind, const LedgerEntry* entry, std::string message,
             std::string_view version_id = {}, std::string_view key = {});
  Status read_log();
  Status read_keys();
  Read read_entry(const s3::ObjectVersion& version);
  Status take_entry(const s3::ObjectVersion& version, Read&& read);
  void check_entry(const LedgerEntry& entry);
  void check_links(const LedgerEntry& newer, const LedgerEntry& entry);
  void check_points(const LedgerEntry& entry);
  void check_beginning(const LedgerEntry& oldest);
  void check_head();
  void check_checkpoint();
  std::string where_it_ends() const;
  Status look_at_newest_again();
  void check_key_object(const LedgerEntry& entry, const KeyObject& object);
  Checked check_named_entry(const std::string& name);
  void take_checked(const std::string& name, const Checked& checked);
  /// What is known of a key's object.
  struct Known {
    /// Nothing about the key is of interest any more.
    static Known reported() {
      return {.sequence = std::numeric_limits<std::int64_t>::max(), .is_done = true};
    }

    std::int64_t sequence = 0;
    /// It was compared with its entry, or reported. Otherwise it is newer than the entries that
    /// pass 1 has met, which need no look then, and pass 2 looks at it.
    bool is_done = false;
  };
  std::optional<Known> known(const std::string& key);
  bool is_known_as_new_as(const LedgerEntry& entry);
  void remember(const std::string& key, const Known& what);

  LedgerObjects& objects_;
  Executor& executor_;
  const std::uint32_t parallel_gets_;
  const LedgerAuditOptions& options_;
  LedgerAudit report_;
  std::optional<LedgerEntry> newer_;  // the entry read last; none after one that was unreadable
  std::optional<LedgerEntry> oldest_;
  bool oldest_is_unreadable_ = false;
  bool head_was_found_ = false;
  bool checkpoint_was_found_ = false;
  /// The newest, where its key's object lacked it: its writer may have been between its two puts.
  std::optional<LedgerEntry> lacking_;

  Mutex mutex_;
  /// The keys that were met last.
  std::unordered_map<std::string, Known> keys_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
