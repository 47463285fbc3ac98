#include "ledger/log_writer.h"

#include <algorithm>
#include <map>
#include <vector>

#include "crypto/sha256.h"
#include "ledger/store_check.h"
#include "ledger/version_pager.h"
#include "talea/limits.h"

namespace talea {
namespace {

constexpr std::string_view kJsonType = "application/json";

// Waits are drawn from 0 to the bound, which doubles with each attempt. The first is about what the
// requests of a set take.
constexpr std::uint64_t kBackOffMs = 25;
constexpr std::uint64_t kBackOffMaxMs = 1000;

// How often the object of one key is put before somebody else is to be faster for good.
constexpr unsigned kKeyPutsMax = 16;

// Of a step before the put of the log: whatever it was, the entry is not there and will not be.
Status rejected(Status status) {
  if (status.code() != Code::timed_out) return status;
  return Status::unavailable("nothing was written: " + std::string(status.message()));
}

s3::Condition condition_of(const s3::Etag& etag) {
  return etag.empty() ? s3::Condition::absent() : s3::Condition::matches(etag);
}

std::string new_nonce(Random& random) {
  Sha256Digest bytes{};
  random.fill(bytes);
  return to_hex(bytes).substr(0, 32);
}

std::string describe(const LedgerEntry& entry) {
  return "entry " + std::to_string(entry.sequence) + " of key '" + entry.key + "'";
}

Status check_condition(std::string_view key, const LedgerCondition& condition,
                       std::optional<std::int64_t> sequence) {
  if (condition.absent && sequence) {
    return Status::conflict("the key '" + std::string(key) + "' has an entry, with sequence " +
                            std::to_string(*sequence));
  }
  if (condition.sequence && sequence != condition.sequence) {
    return Status::conflict(
        "the newest entry of key '" + std::string(key) +
        (sequence ? "' has sequence " + std::to_string(*sequence) : "' is not there") + ", not " +
        std::to_string(*condition.sequence));
  }
  return {};
}

bool is_unconditional(const LedgerCondition& condition) {
  return !condition.absent && !condition.sequence;
}

}  // namespace

// An entry that is not written yet.
struct LogWriter::Draft {
  // What the version in its place says of it. By the nonce: another process may have written the
  // same bytes in the same moment.
  Fate fate_beside(const LedgerEntry& found, const std::string& write_nonce) const {
    if (found.hash != entry.hash) return Fate::lost;
    if (write_nonce.empty()) return Fate::unknown;  // of a store that forgets metadata
    return write_nonce == nonce ? Fate::committed : Fate::lost;
  }

  LogHead base;
  LedgerEntry entry;  // without its version
  HashForm form = HashForm::python;
  Bytes body;
  std::string nonce;  // of every put of it
};

struct LogWriter::Committed {
  std::string version_id;
  s3::Etag etag;  // empty: there are newer entries
};

struct LogWriter::Found {
  Fate fate = Fate::pending;
  Committed committed = {};
};

LogWriter::LogWriter(LogWriterSeams seams, HashProfile profile, std::chrono::milliseconds budget)
    : seams_(std::move(seams)), profile_(profile), budget_(budget) {}

std::uint64_t LogWriter::deadline_ns() const {
  return seams_.clock.monotonic_ns() +
         static_cast<std::uint64_t>(std::chrono::nanoseconds(budget_).count());
}

void LogWriter::back_off(unsigned attempts) {
  const std::uint64_t bound = std::min(kBackOffMs << std::min(attempts, 16U), kBackOffMaxMs);
  seams_.wait(std::chrono::milliseconds(seams_.random.next_u64() % (bound + 1)));
}

Status LogWriter::check_store_once() {
  if (store_is_checked_) return {};
  TALEA_TRY(check_store(seams_.objects.client()));
  store_is_checked_ = true;
  return {};
}

Result<LedgerWritten> LogWriter::set(std::string_view key, BytesView json,
                                     const LedgerCondition& condition) {
  const Turns::Turn turn = turns_.wait();
  Status checked = check_store_once();
  if (!checked.ok()) return rejected(std::move(checked));
  return set_in_turn(key, json, condition);
}

Result<LedgerWritten> LogWriter::set_in_turn(std::string_view key, BytesView json,
                                             const LedgerCondition& condition) {
  const std::uint64_t deadline = deadline_ns();
  for (unsigned attempts = 0;; ++attempts) {
    auto head = settled_head();
    if (!head.ok()) return rejected(std::move(head).status());
    auto next = draft(*head, key, json, condition);
    if (!next.ok()) return rejected(std::move(next).status());
    const auto committed = TALEA_TRY(put_log(*next, deadline));
    if (committed) return finish(*next, *committed);
    if (seams_.clock.monotonic_ns() >= deadline) {
      return Status::unavailable("other writers were first " + std::to_string(attempts + 1) +
                                 " times in " + std::to_string(budget_.count()) + " ms");
    }
    back_off(attempts);
  }
}

// --- What is there

Result<LogHead> LogWriter::load_head() {
  auto newest = TALEA_TRY(seams_.objects.newest_log_version("set"));
  LogHead head;
  if (newest) {
    head.etag = newest->etag;
  } else {
    newest = TALEA_TRY(seams_.objects.log_before_its_end("set"));
  }
  if (newest) {
    head.entry = std::move(newest->entry);
    head.write_nonce = std::move(newest->write_nonce);
  }
  seams_.state.saw_head(head);
  return head;
}

Result<LogHead> LogWriter::settled_head() {
  auto known = seams_.state.known();
  if (known && known->settled) return known->head;
  LogHead head = known ? std::move(known->head) : TALEA_TRY(load_head());
  known = seams_.state.known();
  if (!known || !known->settled) TALEA_TRY(settle(head, 1));
  return head;
}

// The entries from the newest back whose key objects lack them, and then those objects.
class LogWriter::Settling {
 public:
  // `head` outlives it.
  Settling(LogWriter& writer, const LogHead& head) : writer_(writer), head_(head) {}

  Status collect(const LedgerEntry& newest, std::uint64_t entries_min) {
    std::optional<LedgerEntry> at = newest;
    while (at) {
      const KeyObject object = TALEA_TRY(key_object(at->key));
      const bool has = object.has(*at);
      if (!has && entries_min > 1 && orphans_.size() >= kLedgerOrphansMax) {
        report_.has_more = true;
        return {};
      }
      ++report_.examined;
      report_.oldest_sequence = at->sequence;
      if (has && report_.examined >= entries_min) return {};
      const std::string before = at->previous_version_id;
      if (!has) TALEA_TRY(add(std::move(*at)));
      if (before.empty()) return {};
      auto previous = writer_.seams_.objects.log_version(before, "repair");
      if (previous.status().code() == Code::corruption) return {};  // an audit tells
      auto version = TALEA_TRY(std::move(previous));
      if (!version) return {};  // expired
      at = std::move(version->entry);
    }
    return {};
  }

  // Oldest first, so that a key's history has them all.
  Status write() {
    while (!orphans_.empty()) {
      const LedgerEntry& entry = orphans_.back();
      KeyObject object = TALEA_TRY(key_object(entry.key));
      const bool had = object.has(entry);
      auto written = writer_.put_key_object(entry, std::move(object));
      if (!written.ok()) {
        return std::move(written).status().with_context(
            describe(entry) +
            " is in the log and not in its key's object, which has to be written first");
      }
      if (!had) ++report_.repaired;
      objects_[entry.key] = {.entry = entry, .damage = {}, .etag = written->etag};
      objects_[entry.key].entry->sequence = written->sequence.value_or(entry.sequence);
      orphans_.pop_back();
    }
    return {};
  }

  const LedgerRepair& report() const { return report_; }

  Result<KeyObject> key_object(const std::string& key) {
    const auto found = objects_.find(key);
    if (found != objects_.end()) return found->second;
    if (objects_.size() >= kLedgerOrphansMax) objects_.clear();
    KeyObject object = TALEA_TRY(writer_.seams_.objects.key_object(key, "repair"));
    const bool is_ahead = object.entry && object.entry->sequence > head_.sequence();
    if (is_ahead && TALEA_TRY(is_head_still_newest())) {
      // Planted, or of a log that somebody deleted and an original client began again at 0.
      object.entry.reset();
      object.damage = Status::corruption("it is ahead of the log");
    }
    if (object.entry) object.entry->value.clear();  // only what has() compares is needed
    objects_[key] = object;
    return object;
  }

 private:
  // Asked after an object was read that names a newer entry.
  Result<bool> is_head_still_newest() {
    const auto newest = TALEA_TRY(writer_.seams_.objects.newest_log_version("repair"));
    if (!newest) return head_.etag.empty();
    return newest->entry.version_id == head_.version_id();
  }

  Status add(LedgerEntry orphan) {
    if (orphans_.size() >= kLedgerOrphansMax) {
      return Status::exhausted("more than " + std::to_string(kLedgerOrphansMax) +
                               " entries in a row are not in their keys' objects");
    }
    orphans_.push_back(std::move(orphan));
    return {};
  }

  LogWriter& writer_;
  const LogHead& head_;
  std::vector<LedgerEntry> orphans_;  // the newest first
  std::map<std::string, KeyObject> objects_;
  LedgerRepair report_;
};

Result<LedgerRepair> LogWriter::settle(const LogHead& head, std::uint64_t entries_min) {
  if (!head.entry) return LedgerRepair();
  Settling settling(*this, head);
  TALEA_TRY(settling.collect(*head.entry, entries_min));
  TALEA_TRY(settling.write());
  const KeyObject object = TALEA_TRY(settling.key_object(head.entry->key));
  seams_.state.settled(
      head.version_id(),
      {.etag = object.etag,
       .sequence = object.entry ? std::optional(object.entry->sequence) : std::nullopt});
  return settling.report();
}

Result<LedgerRepair> LogWriter::repair(std::uint64_t entries_min) {
  const Turns::Turn turn = turns_.wait();
  auto head = load_head();
  if (!head.ok()) return rejected(std::move(head).status());
  return settle(*head, entries_min);
}

Status LogWriter::repair_if_idle() {
  const Turns::Turn turn = turns_.try_now();
  if (!turn) return Status::unavailable("a set is under way");
  const auto known = seams_.state.known();
  if (!known || known->settled) return {};
  return settle(known->head, 1).status();
}

// --- A new entry

HashForm LogWriter::form_for(const LogHead& head) const {
  if (profile_ == HashProfile::python) return HashForm::python;
  if (profile_ == HashProfile::typescript) return HashForm::typescript;
  const bool typescript = head.entry && find_hash_form(*head.entry) == HashForm::typescript;
  return typescript ? HashForm::typescript : HashForm::python;
}

// The key's object, as it is while `head` is the newest entry; never guessed.
Result<KnownKey> LogWriter::known_key(std::string_view key, const LedgerCondition& condition) {
  const auto known = seams_.state.key(key);
  if (known && (is_unconditional(condition) || known->sequence || known->etag.empty())) {
    return *known;
  }
  if (is_unconditional(condition)) {
    auto info = seams_.objects.client().head(key_object_name(key), {.cause = "set"});
    if (!info.ok()) {
      return explain(std::move(info).status(),
                     "look for the object of key '" + std::string(key) + "'");
    }
    return KnownKey{*info ? (*info)->etag : s3::Etag(), std::nullopt};
  }
  const KeyObject object = TALEA_TRY(seams_.objects.key_object(key, "set"));
  if (!object.entry && !object.is_missing()) return object.damage;
  return KnownKey{object.etag, object.entry ? std::optional(object.entry->sequence) : std::nullopt};
}

Result<LogWriter::Draft> LogWriter::draft(const LogHead& head, std::string_view key, BytesView json,
                                          const LedgerCondition& condition) {
  if (head.sequence() == kLastSequence) {
    return Status::exhausted("the newest entry has the last sequence that there is, " +
                             std::to_string(kLastSequence));
  }
  const KnownKey known = TALEA_TRY(known_key(key, condition));
  TALEA_TRY(check_condition(key, condition, known.sequence));
  Draft draft;
  draft.base = head;
  draft.form = form_for(head);
  LedgerEntry& entry = draft.entry;
  entry.key = key;
  entry.value = TALEA_TRY(canonical_value(json, draft.form));
  entry.sequence = head.sequence() + 1;
  const std::uint64_t before_ms = head.entry ? head.entry->timestamp_ms : 1;
  entry.timestamp_ms = std::max(seams_.clock.wall_ms(), before_ms);
  entry.previous_hash = head.entry ? head.entry->hash : std::string(kGenesisHash);
  entry.previous_version_id = head.version_id();
  entry.previous_key_object_etag = known.etag;
  if (!is_json_text(entry.previous_version_id) || !is_json_text(known.etag)) {
    return Status::corruption("a version id or an ETag of the store that is no text");
  }
  entry.hash = hash_of(entry, draft.form);
  draft.body = encode_log_entry(entry, draft.form);
  draft.nonce = new_nonce(seams_.random);
  return draft;
}

// --- The put of the log

// `looks_after_refusal`: as s3::WriteOptions has it.
Result<s3::Written> LogWriter::put_draft(const Draft& draft, bool looks_after_refusal) {
  return seams_.objects.client().put(kLogName, draft.body,
                                     {.cause = "set",
                                      .condition = condition_of(draft.base.etag),
                                      .content_type = kJsonType,
                                      .nonce = draft.nonce,
                                      .looks_after_refusal = looks_after_refusal});
}

// Nothing: another's entry follows the base, and this one is not there; the newest is known.
Result<std::optional<LogWriter::Committed>> LogWriter::put_log(const Draft& draft,
                                                               std::uint64_t deadline_ns) {
  // find_out() is the look after a refusal, and sees more than the client would.
  auto written = put_draft(draft, false);
  if (written.ok()) return std::optional(Committed{written->version_id, written->etag});
  const Code code = written.status().code();
  // A refusal may be the second answer to a put that was doubled on its way, and an answer that is
  // not S3's one to a put that was done.
  const bool may_be_done =
      code == Code::conflict || code == Code::timed_out || code == Code::corruption;
  if (may_be_done) return find_out(draft, deadline_ns);
  return explain(std::move(written).status(), "append to the log");
}

Result<std::optional<LogWriter::Committed>> LogWriter::find_out(const Draft& draft,
                                                                std::uint64_t deadline_ns) {
  for (unsigned attempts = 0;; ++attempts) {
    const auto found = find_own(draft);
    if (found.ok() && found->fate == Fate::lost) return std::optional<Committed>();
    if (found.ok() && found->fate == Fate::committed) return std::optional(found->committed);
    if (found.ok() && found->fate == Fate::unknown) break;
    if (found.ok()) {
      // The first may still arrive; then this one is refused, or has been done and refuses that.
      // With the client's look: refused although the base is the newest still, it may have been for
      // the form of the ETag, and the client finds the other one.
      const auto again = put_draft(draft, true);
      if (again.ok()) return std::optional(Committed{again->version_id, again->etag});
    }
    if (seams_.clock.monotonic_ns() >= deadline_ns) break;
    back_off(attempts);
  }
  seams_.state.forget_head();
  return Status::timed_out("the entry may be in the log, once, or not: the store does not say");
}

// Reads the newest version, and knows the head from then on.
Result<LogWriter::Found> LogWriter::find_own(const Draft& draft) {
  seams_.state.forget_head();
  const LogHead head = TALEA_TRY(load_head());
  const LogHead& base = draft.base;
  if (head.entry && head.sequence() == base.sequence() + 1) {
    return Found{draft.fate_beside(*head.entry, head.write_nonce),
                 {head.entry->version_id, head.etag}};
  }
  if (head.sequence() > base.sequence()) {
    const LogVersion next = TALEA_TRY(entry_after(base));
    return Found{draft.fate_beside(next.entry, next.write_nonce), {next.entry.version_id, {}}};
  }
  const bool is_base =
      head.etag.empty() == base.etag.empty() && head.version_id() == base.version_id();
  return Found{is_base ? Fate::pending : Fate::lost};
}

// The entry that follows the base, with others behind it. By a list and not by their links: of a
// base that is known from long ago there may be thousands.
Result<LogVersion> LogWriter::entry_after(const LogHead& base) {
  VersionPager pager(seams_.objects.client(), std::string(kLogName), {}, "set");
  std::string id;
  while (true) {
    const auto version = TALEA_TRY(pager.next());
    if (!version || version->info.version_id == base.version_id()) break;
    if (!version->is_delete_marker) id = version->info.version_id;
  }
  // Where the base has expired, so may have what followed it, but not what was put just now.
  auto next = id.empty() ? std::nullopt : TALEA_TRY(seams_.objects.log_version(id, "set"));
  if (next && next->entry.sequence > base.sequence()) return std::move(*next);
  return Status::timed_out("a version of the log was removed meanwhile");
}

// --- The put of the key's object

LedgerWritten LogWriter::finish(const Draft& draft, const Committed& committed) {
  LedgerWritten written;
  written.entry = draft.entry;
  written.entry.version_id = committed.version_id;
  const bool is_named = !committed.version_id.empty() && committed.version_id != "null" &&
                        is_json_text(committed.version_id);
  if (!is_named) {
    // Somebody switched versioning off. The next set looks, and refuses.
    store_is_checked_ = false;
    seams_.state.forget_head();
    return written;
  }
  if (committed.etag.empty()) {
    seams_.state.forget_head();
  } else {
    seams_.state.saw_head({.entry = written.entry, .etag = committed.etag});
  }
  const auto known = put_key_object(
      written.entry, {.entry = {}, .damage = {}, .etag = draft.entry.previous_key_object_etag});
  if (!known.ok()) return written;  // the next call that needs the object writes it
  if (known->sequence == written.entry.sequence) written.key_object_etag = known->etag;
  seams_.state.settled(written.entry.version_id, *known);
  return written;
}

Result<KnownKey> LogWriter::put_key_object(const LedgerEntry& entry, KeyObject current) {
  const std::string name = key_object_name(entry.key);
  const Bytes body = encode_key_object(entry, find_hash_form(entry));
  Status status;
  for (unsigned puts = 0; puts < kKeyPutsMax; ++puts) {
    if (current.has(entry)) return KnownKey{current.etag, current.entry->sequence};
    auto written = seams_.objects.client().put(
        name, body,
        {.cause = "set", .condition = condition_of(current.etag), .content_type = kJsonType});
    if (written.ok()) return KnownKey{written->etag, entry.sequence};
    status = explain(std::move(written).status(), "write the object of key '" + entry.key + "'");
    const bool may_look = status.code() == Code::conflict || status.code() == Code::timed_out ||
                          status.code() == Code::corruption;
    if (!may_look) return status;
    current = TALEA_TRY(seams_.objects.key_object(entry.key, "set"));
  }
  return status;
}

}  // namespace talea
