// LedgerReader: gets of keys, with a look at the log when it is due, and the past of keys and log.
//
// The check of the log has two halves: read its newest entry; read the object of that entry's key.
// When somebody gets that key, the second half is the get itself. Otherwise the get that comes next
// does it, so that none takes more than two requests.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "ledger/log_state.h"
#include "ledger/log_writer.h"
#include "ledger/objects.h"

namespace talea {

struct LedgerReaderSeams {
  LedgerObjects& objects;
  LogState& state;
  LogWriter& writer;
  Clock& clock;
  Executor& executor;
};

/// Threads: safe.
class LedgerReader {
 public:
  /// What `seams` names outlives it.
  LedgerReader(LedgerReaderSeams seams, const LedgerOptions& options);

  /// As the calls of Ledger with these names; keys were checked.
  Result<std::optional<LedgerEntry>> get(std::string_view key);
  Result<std::vector<std::optional<LedgerEntry>>> get_many(std::span<const std::string> keys);
  Result<std::optional<LedgerEntry>> head();
  Result<std::vector<std::string>> log_versions();
  Result<std::vector<std::optional<LedgerEntry>>> get_log_versions(
      std::span<const std::string> version_ids);
  Result<LedgerEntries> history(std::string_view key, const LedgerPage& page);
  Result<LedgerEntries> log_entries(const LedgerPage& page);

 private:
  struct Source;
  using Got = Result<std::optional<LedgerEntry>>;

  // What `work` makes of each name, in their order, several at once.
  Result<std::vector<std::optional<LedgerEntry>>> each(
      std::span<const std::string> names, const std::function<Got(const std::string&)>& work);
  bool take_due_check();
  Status check_log();
  std::optional<LedgerEntry> unsettled_entry() const;
  void look_at(const LedgerEntry& unsettled);
  void repair_soon();
  Result<LedgerEntries> read_versions(const Source& source, const LedgerPage& page);

  const LedgerReaderSeams seams_;
  const bool read_only_;
  const std::uint64_t interval_ns_;
  const std::uint32_t parallel_gets_;

  Mutex mutex_;
  // By the monotonic clock; nothing: never yet.
  std::optional<std::uint64_t> checked_ns_ TALEA_GUARDED_BY(mutex_);
  std::optional<std::uint64_t> denied_ns_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
