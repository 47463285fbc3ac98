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
  void check_key_object(const LedgerEntry& entry, const KeyObject& object);
  Checked check_named_entry(const std::string& name);
  void take_checked(const std::string& name, const Checked& checked);
  std::optional<std::int64_t> known_sequence(const std::string& key);
  void remember(const std::string& key, std::int64_t sequence);

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

  Mutex mutex_;
  /// Keys whose objects need no more looking at, and the sequence that they have. Of an object that
  /// was reported, more than any.
  std::unordered_map<std::string, std::int64_t> keys_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
