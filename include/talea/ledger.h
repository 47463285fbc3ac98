// Ledger: a log of JSON values on S3 that nobody changes unseen. Each entry has the hash of the one
// before it, and an object for each key has its newest.
//
//     talea::Result<talea::Ledger> opened =
//         talea::Ledger::open({.bucket = "records", .prefix = "app/"});
//     if (!opened.ok()) return report(opened.status());
//     talea::Ledger& ledger = *opened;
//     ledger.set("alpha", R"({"n":1})");                      // durable when it returns ok
//     std::optional<talea::LedgerEntry> entry = *ledger.get("alpha");
//     talea::LedgerAudit audit = *ledger.audit();             // audit.faults == 0
//     ledger.close();
//
// The objects are those of ImmuKV, and its Python and TypeScript clients may work on them at the
// same time. The bucket must have versioning.
//
// Outcomes. A set ends in one of three ways, told apart by its Status:
//   ok          committed: it is in the log, once, and stays there
//   timed_out   unknown: it may be in the log, once, or not
//   any other   rejected: it is not in the log, and never will be
//
// Costs are requests to the store, as S3 bills them.
//
// Processes: any number of them write to one prefix; the log decides who was first.
// Threads: every member is safe to call from any number of threads at once, but for close(), move
// and destruction, which need the other calls of this object to have returned. Sets of one process
// queue and go one after the other.
// Format: docs/formats/immukv.md.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "talea/bytes.h"
#include "talea/limits.h"
#include "talea/result.h"
#include "talea/s3.h"

namespace talea {

struct LedgerSeams;

/// For the clients of which language new entries are intact. ImmuKV's two clients hash different
/// texts, and each finds what the other wrote broken; we read both.
enum class HashProfile : unsigned char {
  /// That of the newest entry; of an empty log python.
  automatic,
  python,
  typescript,
};

/// The text whose hash an entry has. docs/formats/immukv.md, "The hash".
enum class HashForm : unsigned char {
  /// None of the three: the entry was changed after it was hashed.
  none,
  python,
  typescript,
  /// Of ImmuKV 0.1.2 to 0.1.7.
  pipe,
};

/// One entry of the log, or what a key object holds of it.
struct LedgerEntry {
  std::string key;
  /// JSON, byte for byte as it is stored. "null" when `value_is_missing`.
  Bytes value;
  /// Stored without a value: the Python client writes null so.
  bool value_is_missing = false;
  std::int64_t sequence = 0;
  /// By the writer's clock, since 1970-01-01 UTC.
  std::uint64_t timestamp_ms = 0;
  std::string hash;
  std::string previous_hash;
  /// Of the log version that holds the entry.
  std::string version_id;
  // From the log only: empty where there was none, and in entries of get() and history().
  std::string previous_version_id;
  std::string previous_key_object_etag;
};

/// What a set wrote.
struct LedgerWritten {
  LedgerEntry entry;
  /// Of the key's object, with its quotes. Empty: it could not be written yet, and the next call
  /// that needs it does so. The entry is committed all the same.
  std::string key_object_etag;
};

/// From what callers have to JSON and back; either may be missing.
struct LedgerCodec {
  /// Called once for each set. Its failure is that of the set, and nothing is written.
  std::function<Result<Bytes>(BytesView value)> encode = nullptr;
  /// Called by decode() only.
  std::function<Result<Bytes>(BytesView json)> decode = nullptr;
};

struct LedgerOptions {
  /// Nothing is written, repairs neither.
  bool read_only = false;
  /// How old what get() knows of the log may be. 0: each get looks. Up to 366 days.
  std::chrono::milliseconds repair_check_interval{300'000};
  HashProfile hash_profile = HashProfile::automatic;
  LedgerCodec codec = {};
  /// How many requests history(), log_entries() and audits have under way at once: 1 to
  /// kLedgerParallelGetsMax.
  std::uint32_t parallel_gets = 16;
};

/// What has to hold for a set. At most one of the two.
struct LedgerCondition {
  /// The key has no entry.
  bool absent = false;
  /// The newest entry of the key has this sequence.
  std::optional<std::int64_t> sequence = {};
};

struct LedgerPage {
  /// LedgerEntries::next of the page before; empty for the newest entries.
  std::string before = {};
  /// How many: up to kLedgerPageMax. 0 gives none.
  std::uint64_t limit = 100;
  /// A page ends before its objects have more bytes than this together, but has one at least.
  std::uint64_t bytes_max = UINT64_MAX;
};

struct LedgerEntries {
  std::vector<LedgerEntry> entries;  // the newest first
  /// Where the next page begins; empty: there is nothing older. But for `@log`, which history()
  /// says after an entry that is in the log only, it is a version id.
  std::string next;
};

enum class LedgerKeyOrder : unsigned char {
  /// By the bytes of the keys: `a`, `a-b`, `a.b`.
  key,
  /// As S3 lists the objects, and as ImmuKV's clients give them: `a-b`, `a.b`, `a`.
  s3,
};

struct LedgerKeyRange {
  std::string_view prefix = {};
  /// Only keys that come after it, in the same order.
  std::optional<std::string_view> after = {};
  /// Up to kLedgerPageMax.
  std::uint64_t limit = 1000;
  LedgerKeyOrder order = LedgerKeyOrder::key;
};

/// What one knows of a log from before: the entry with this sequence has this hash.
struct LedgerPoint {
  std::int64_t sequence = 0;
  std::string hash;
};

enum class LedgerFaultKind : unsigned char {
  unreadable,          // not an entry, or its version is gone
  hash,                // fits no text
  sequence,            // not one less than that of the entry after it
  previous_hash,       // the entry after it names another hash
  previous_version,    // the entry after it names another version
  genesis,             // a first entry that is none
  beginning_missing,   // the oldest entry is not the first, and no checkpoint stands for it
  checkpoint,          // another hash than was known, or no entry at all
  head,                // the log ends before the head that was known
  log_deleted,         // a delete marker on the log
  key_object_missing,  // the log has an entry, and the key no object
  key_object_stale,    // the log has a newer entry
  key_object_differs,  // not what its log entry says
  key_object_foreign,  // names no entry of the log
  key_object_damaged,  // not a key object
};
inline constexpr std::size_t kLedgerFaultKinds = 15;

/// The name as written above, for example "previous_hash".
std::string_view fault_name(LedgerFaultKind kind);

struct LedgerFault {
  LedgerFaultKind kind{};
  /// Of the entry; nothing where it is not known.
  std::optional<std::int64_t> sequence = {};
  std::string version_id = {};  // of the log, as far as one is known
  std::string key = {};         // of the entry, or of the key object
  std::string message = {};     // for people
};

struct LedgerAuditOptions {
  /// How many entries from the newest on; nothing: all. Then the beginning is not looked at.
  std::optional<std::uint64_t> limit = {};
  /// The log must have this entry: one who cut newer ones off cannot bring it back.
  std::optional<LedgerPoint> expected_head = {};
  /// An entry known from before, which the log must have or begin right behind. Where old versions
  /// expire, the log may begin anywhere before it.
  std::optional<LedgerPoint> checkpoint = {};
  /// Whether the objects of the keys agree with the log, too.
  bool key_objects = true;
  /// Called for each fault when it is found, on the thread of audit().
  std::function<void(const LedgerFault&)> on_fault = nullptr;
};

struct LedgerAudit {
  std::uint64_t entries = 0;      // of the log
  std::uint64_t key_objects = 0;  // that were looked at
  std::uint64_t faults = 0;
  std::array<std::uint64_t, kLedgerFaultKinds> faults_by_kind{};
  /// The oldest and the newest entry that were there: verified from, and up to.
  std::optional<LedgerPoint> first;
  std::optional<LedgerPoint> head;
  /// Whether the log goes back to its first entry.
  bool reaches_genesis = false;
};

struct LedgerRepairOptions {
  /// How many entries from the newest on are looked at in any case. A repair stops there at the
  /// first entry that its key's object has: our writers leave none behind it, and the original
  /// clients may.
  std::uint64_t entries_min = 1;
};

struct LedgerRepair {
  std::uint64_t examined = 0;  // entries of the log
  std::uint64_t repaired = 0;  // objects of keys that were written
  /// The oldest entry that was looked at. Before it, when it is not the first, 0: the one that
  /// stopped it, or entries that are damaged or have expired.
  std::optional<std::int64_t> oldest_sequence = {};
  /// It stopped because it wrote as many as it can at once, kLedgerOrphansMax: repair again.
  bool has_more = false;
};

/// Errors of every call, beside its own:
///   unauthenticated, denied, not_found   what the store says of who asks, and of the bucket
///   unavailable        the store did not do it, however often it was tried
///   timed_out          of a set: unknown. Of a read: no answer in time
///   corruption         an object that is none of ours; the message says which, and which version
class Ledger {
 public:
  /// Cost: no request. Errors: invalid_argument   an option out of its range
  static Result<Ledger> open(const S3Options& s3, LedgerOptions options = {});
  /// The same with clock, randomness, threads and network from elsewhere, which outlive it.
  static Result<Ledger> open(const S3Options& s3, LedgerOptions options, const LedgerSeams& seams);

  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  /// Another ledger on the same connection, with the same knowledge and the same queue of sets, and
  /// another codec. Each is closed on its own.
  Ledger with_codec(LedgerCodec codec) const;

  /// Appends an entry: `value` is JSON, or what the codec makes JSON of.
  ///
  /// It is in the log when it returns ok, and in the key's object unless
  /// LedgerWritten::key_object_etag is empty. A key or value that cannot be, a bucket without
  /// versioning and missing rights are found before anything is written.
  /// Cost: 2 requests when the newest entry and the key's object are known from calls before; 3
  /// with a key that is not. The first set of an object adds a read of the log and of the newest
  /// entry's key object, and 3 or 4 to find out whether the store keeps versions and conditions.
  /// For each time that another process was first: a wait, a read of the log, one of the newest
  /// entry's key object, and the put again; where several were first, a list of the log's versions
  /// and a read of one, too.
  ///
  /// `key`: UTF-8 without control characters, up to 1 014 bytes less the prefix; may be empty.
  /// `value`: up to kLedgerValueBytesMax bytes, also in its canonical form, in which a byte may
  /// take six.
  ///
  /// Errors: invalid_argument   the key, or a value that is not JSON, or that the hash profile
  ///                            cannot hold; read_only
  ///         conflict           `condition` does not hold
  ///         exhausted          the value is too long, as it is given or as it is stored
  ///         denied             also: the newest entry's key object is missing, and may not be
  ///                            written
  ///         unsupported        the bucket keeps no versions, or the store ignores conditions
  ///         unavailable        others were first for S3Options::operation_timeout
  Result<LedgerWritten> set(std::string_view key, BytesView value,
                            const LedgerCondition& condition = {});

  /// The newest entry of the key, from its object; from the log where that is known to be newer.
  ///
  /// Another process' entry may be missing for as long as its writer needs for the second object;
  /// after a writer that failed there, up to LedgerOptions::repair_check_interval.
  /// Where the newest version of the log is damaged, or may not be read, it is the key's object
  /// that counts; head() and set() say what is wrong. Nothing can be written behind a damaged
  /// version: remove that version.
  /// Cost: 1 request; 2 when the check of the log is due, and each time while an orphan of another
  /// key may not be repaired. An orphan that the check finds is repaired, with up to four more,
  /// unless read_only or denied.
  Result<std::optional<LedgerEntry>> get(std::string_view key);
  /// The newest entries of many keys, in their order. Cost: as get() of each, up to parallel_gets
  /// at once.
  Result<std::vector<std::optional<LedgerEntry>>> get_many(std::span<const std::string> keys);

  /// The newest entry of the log. Cost: 1 request.
  Result<std::optional<LedgerEntry>> head();

  /// The entry that a version of the log holds, or nothing: no such version. Cost: 1 request.
  Result<std::optional<LedgerEntry>> get_log_version(std::string_view version_id);

  /// The entries of a key, from the versions of its object. An entry that is not there yet and is
  /// known from the log comes first.
  /// Cost: a request for each entry, up to parallel_gets at once, and one for each 1 000.
  Result<LedgerEntries> history(std::string_view key, const LedgerPage& page = {});

  /// The entries of the log. Cost: as history().
  Result<LedgerEntries> log_entries(const LedgerPage& page = {});

  /// The versions of the log, the oldest first: to go through it in the order in which it was
  /// written. Cost: a request for each 1 000. Memory: some 60 bytes for each.
  Result<std::vector<std::string>> log_versions();
  /// As get_log_version() of each, in their order, up to parallel_gets at once.
  Result<std::vector<std::optional<LedgerEntry>>> get_log_versions(
      std::span<const std::string> version_ids);

  /// The keys that have an object, in order. Deleting objects is no part of the ledger, so none
  /// goes away. Cost: a request for each 1 000 keys that are listed; one for each key that the last
  /// one begins with, where S3's order is another.
  Result<std::vector<std::string>> list_keys(const LedgerKeyRange& range = {});
  Result<std::vector<std::string>> list_keys_with_prefix(std::string_view prefix,
                                                         LedgerKeyRange range = {});

  /// Which text the entry's hash is that of. No request; any change of the entry gives `none`.
  static HashForm verify(const LedgerEntry& entry);

  /// What the codec makes of the entry's value; the value itself without one.
  Result<Bytes> decode(const LedgerEntry& entry) const;

  /// audit() of the log alone: hashes, sequences, links, genesis. Nothing: all of it.
  Result<LedgerAudit> verify_log_chain(std::optional<std::uint64_t> limit = {});

  /// Reads the log from its newest entry back, and reports each fault with its place. What is
  /// appended meanwhile is not looked at. The newest entry's key object is looked at twice when it
  /// lacks the entry, as its writer may be about to put it.
  /// Cost: a request for each entry, one for each 1 000, and with `key_objects` one for each key
  /// object and up to two more; up to parallel_gets at once. Memory does not grow with the log.
  /// Errors: faults are none. What could not be read for other reasons than its content ends it.
  Result<LedgerAudit> audit(const LedgerAuditOptions& options = {});

  /// Writes the key objects of entries that lack them, from the newest back, oldest first. Sets of
  /// this process wait meanwhile.
  /// Cost: two requests for each entry that is looked at, one for each object written.
  /// Errors: invalid_argument   read_only
  ///         exhausted          more than kLedgerOrphansMax entries in a row, with entries_min of
  ///                            1; with more it is LedgerRepair::has_more
  Result<LedgerRepair> repair(const LedgerRepairOptions& options = {});

  /// What was asked of the store so far, on the connection that ledgers of with_codec() share.
  /// Empty after close().
  S3RequestCounts request_counts() const;

  /// Waits for sets that are under way, and gives up the connection when no other ledger shares it.
  /// What is called later is `cancelled`.
  Status close();

 private:
  class Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace talea
