// LogWriter: appends entries, one at a time.
//
//     settle   the newest entry's key object is there, or is written now
//     put log  under the condition that its newest version is the one that the entry names
//     put key  under the condition that the key's object is the one that the entry names
//
// A put of the log that was refused, or of which nobody knows, is looked for: a refusal, too, may
// be what the second of two puts was told that a proxy made of one. The entry that follows the base
// either is ours, or another's, and then ours can never come: begin again from what is there now.
// Or there is none yet, and the same bytes are put again under the same condition, so that of the
// two one is refused.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/log_state.h"
#include "ledger/objects.h"
#include "ledger/turns.h"

namespace talea {

struct LogWriterSeams {
  LedgerObjects& objects;
  LogState& state;
  Clock& clock;
  Random& random;
  std::function<void(std::chrono::milliseconds)> wait;
};

/// Threads: safe; callers take turns.
class LogWriter {
 public:
  /// `budget`: for how long a set is tried. What `seams` names outlives it.
  LogWriter(LogWriterSeams seams, HashProfile profile, std::chrono::milliseconds budget);

  /// As Ledger::set(); the key was checked.
  Result<LedgerWritten> set(std::string_view key, BytesView json, const LedgerCondition& condition);

  /// As Ledger::repair().
  Result<LedgerRepair> repair(std::uint64_t entries_min);

  /// Writes the newest entry's key object if it is missing and nobody has a turn.
  /// Errors: unavailable   somebody has
  Status repair_if_idle();

  /// Waits for those who have a turn or wait for one.
  void wait_until_idle() { const Turns::Turn turn = turns_.wait(); }

 private:
  struct Draft;
  struct Committed;
  enum class Fate : unsigned char { committed, lost, pending, unknown };
  struct Found;
  class Settling;

  Status check_store_once();
  Result<LedgerWritten> set_in_turn(std::string_view key, BytesView json,
                                    const LedgerCondition& condition);
  Result<LogHead> load_head();
  Result<LogHead> settled_head();
  Result<LedgerRepair> settle(const LogHead& head, std::uint64_t entries_min);
  Result<KnownKey> known_key(std::string_view key, const LedgerCondition& condition);
  HashForm form_for(const LogHead& head) const;
  Result<Draft> draft(const LogHead& head, std::string_view key, BytesView json,
                      const LedgerCondition& condition);
  Result<s3::Written> put_draft(const Draft& draft, bool looks_after_refusal);
  Result<std::optional<Committed>> put_log(const Draft& draft, std::uint64_t deadline_ns);
  Result<std::optional<Committed>> find_out(const Draft& draft, std::uint64_t deadline_ns);
  Result<Found> find_own(const Draft& draft);
  Result<LogVersion> entry_after(const LogHead& base);
  LedgerWritten finish(const Draft& draft, const Committed& committed);
  Result<KnownKey> put_key_object(const LedgerEntry& entry, KeyObject current);
  void back_off(unsigned attempts);
  std::uint64_t deadline_ns() const;

  const LogWriterSeams seams_;
  const HashProfile profile_;
  const std::chrono::milliseconds budget_;
  Turns turns_;
  bool store_is_checked_ = false;  // touched by who has the turn
};

}  // namespace talea
