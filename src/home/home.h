// Home: one set of verbs for every place that a store can be in, so that a program has to know its
// URL only.
//
//     ./data   file:data   file:///var/data     our engine, in that directory
//     rocksdb:PATH                              a RocksDB database, in that directory
//     immukv+s3://bucket/prefix                 a ledger (talea/ledger.h)
//     s4db+s3://bucket/prefix                   bucket files (talea/bucketdb.h)
//
//     std::unique_ptr<Home> home = TALEA_TRY(open_home("immukv+s3://records/app/"));
//     TALEA_TRY(home->put("alpha", R"({"n":1})"));
//     TALEA_TRY(home->publish());
//     TALEA_TRY(home->close());
//
// What a home cannot do it refuses with Code::unsupported and one plain sentence: what it is, and
// what does the same there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "home/store_url.h"
#include "talea/bytes.h"
#include "talea/engine.h"
#include "talea/result.h"

namespace talea {

/// A sentence for each thing that a home cannot do; empty where it can.
struct HomeRefusals {
  std::string_view removes = {};
  std::string_view expires = {};
  std::string_view keeps_history = {};
  std::string_view has_conditions = {};
  std::string_view has_batches = {};
};

/// What a home keeps of what it is given. Verbs look here, or ask abilities_of(), to say no before
/// they read or write.
struct HomeAbilities {
  /// For people: "a ledger"; kind_of_store() of its scheme.
  std::string_view name;
  /// Values are any bytes. Else they are JSON (a ledger) or text (version 1 of bucket files).
  bool keeps_bytes = true;
  bool removes = true;
  bool expires = true;
  /// Past revisions can be listed and read, oldest first too.
  bool keeps_history = true;
  /// And none of them is ever given up; or all are but the newest of each key, as it was told.
  bool keeps_all_history = false;
  bool keeps_newest_alone = false;
  /// put with a condition, and remove() under a revision. `present` of a remove() is always there.
  bool has_conditions = true;
  /// Several puts and removes become visible together or not at all.
  bool has_batches = true;
  /// Writes have numbers, from 1; in a ledger from 0.
  bool has_revisions = true;
  /// The longest value that put() takes.
  std::uint64_t value_bytes_max = kValueBytesMax;
  HomeRefusals refusals = {};
};

struct HomeEntry {
  Bytes key = {};
  Bytes value = {};
  /// The home's number of the write that made it: a batch's sequence, or that in the ledger; 0
  /// where it has none.
  std::uint64_t revision = 0;
  /// 0: never, or the home does not know such.
  std::uint64_t expiry_ms = 0;
};

/// What a write made of a key. Of a list the value is left out: only its length is there.
struct HomeRevision {
  std::uint64_t revision = 0;
  std::uint64_t time_ms = 0;
  bool is_remove = false;
  std::uint64_t expiry_ms = 0;
  std::uint64_t value_bytes = 0;
};

/// What has to hold for a write, else it is `conflict`. `present` is for removals.
struct HomeCondition {
  bool absent = false;
  std::optional<std::uint64_t> revision = {};
  bool present = false;

  bool is_none() const { return !absent && !revision && !present; }
};

/// Of HomeEntry::expiry_ms and the like: 0 is never.
inline Expiry expiry_at(std::uint64_t expiry_ms) {
  return expiry_ms == 0 ? Expiry::never() : Expiry::at(expiry_ms);
}

/// One write of several. A value that is in `value` lives in memory.
struct HomeWrite {
  Bytes key = {};
  Bytes value = {};
  bool is_remove = false;
  std::uint64_t expiry_ms = 0;
};

/// Goes through rows of one moment (in a ledger: each as it is when it is read), or through
/// revisions. Must not outlive its home.
/// Threads: externally synchronised.
class HomeCursor {
 public:
  virtual ~HomeCursor() = default;
  /// False at the end. Call it before the first too.
  virtual Result<bool> next() = 0;
  /// Valid until next(). Without its value where the range said keys only.
  virtual const HomeEntry& entry() const = 0;
  /// The parts of entry(), which cost less where not all are wanted: keys and values where they
  /// lie. Valid until next().
  virtual BytesView key() const { return entry().key; }
  virtual BytesView value() const { return entry().value; }
  virtual Result<std::uint64_t> revision() { return entry().revision; }
  virtual Result<std::uint64_t> expiry_ms() { return entry().expiry_ms; }
  /// Of revisions(): the entry is a removal, and its time.
  virtual bool is_remove() const { return false; }
  virtual std::uint64_t time_ms() const { return 0; }
};

/// Something that a home tells of itself: "keys" is 12.
struct HomeFact {
  std::string_view name;
  std::variant<std::uint64_t, std::string> value;
};

struct HomeFinding {
  std::string place;         // a file, an object, or a key
  std::uint64_t offset = 0;  // in the file
  std::string problem;
  /// Of the entry of a ledger, as far as it is known.
  std::optional<std::uint64_t> sequence = {};
  std::string version_id = {};
};

struct HomeVerification {
  std::uint64_t entries = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
  /// The newest hash of a ledger: note it, and compare the next time. Else empty.
  std::string head = {};
  std::vector<HomeFinding> findings = {};
};

/// What publish() has yet to do.
struct HomePending {
  std::uint64_t writes = 0;
  /// Whether the next one who opens the home has them, too.
  bool is_kept = false;
};

/// Errors: those of the home's own interface. Threads: externally synchronised.
class Home {
 public:
  virtual ~Home() = default;

  virtual const HomeAbilities& abilities() const = 0;

  /// Whether the home takes this key with this value: what put() and write() look at first. Asks
  /// nobody.
  /// Errors: invalid_argument, exhausted   what is wrong with it, and what is allowed
  virtual Status check(BytesView key, BytesView value) const = 0;

  /// Errors: exhausted   a value too long for memory: read it in pieces
  virtual Result<std::optional<HomeEntry>> get(BytesView key, const std::optional<At>& at = {}) = 0;
  /// Gives the value to `sink` in pieces. False: there is no such key.
  virtual Result<bool> read(BytesView key, const std::optional<At>& at, const StateSink& sink);

  /// Returns the revision; 0 where the home has none.
  virtual Result<std::uint64_t> put(BytesView key, BytesView value,
                                    const HomeCondition& condition = {},
                                    Expiry expiry = Expiry::never()) = 0;
  /// The same with the value from `source`, until it has no more.
  /// Cost: but in an engine's store the value is in memory as a whole.
  virtual Result<std::uint64_t> put_pieces(BytesView key, const StateSource& source,
                                           const HomeCondition& condition = {},
                                           Expiry expiry = Expiry::never());
  /// Removing an absent key is no error.
  virtual Result<std::uint64_t> remove(BytesView key, const HomeCondition& condition = {}) = 0;
  /// In their order; together where the home has batches. All of them are checked before the first
  /// is done. Returns the revision of the last.
  /// Errors: where there are no batches, those before the one that failed are done; the message
  ///         says how many
  virtual Result<std::uint64_t> write(const std::vector<HomeWrite>& writes) = 0;

  virtual Result<std::unique_ptr<HomeCursor>> scan(const ScanRange& range, bool keys_only,
                                                   const std::optional<At>& at = {}) = 0;
  /// The newest first. In a ledger, whose first revision is 0, RevisionRange::before of 0 means
  /// what it does elsewhere: from the newest on.
  virtual Result<std::vector<HomeRevision>> history(BytesView key, const RevisionRange& range) = 0;
  /// All revisions of a key that are kept, with their values, the oldest first; of all keys, in the
  /// order in which they were written, where `key` is nothing and the home can (a ledger). With
  /// `after`: those above it.
  virtual Result<std::unique_ptr<HomeCursor>> revisions(
      const std::optional<Bytes>& key, const std::optional<std::uint64_t>& after = {}) = 0;

  /// The keys that have revisions, in order, those that are removed now among them. Cost: as a scan
  /// of keys.
  virtual Result<std::unique_ptr<HomeCursor>> keys_with_past();

  /// How many keys there are, where that costs nothing.
  virtual std::optional<std::uint64_t> key_count() = 0;
  /// What the home holds, measured now, for people and programs: keys, and what is particular to
  /// it.
  virtual Result<std::vector<HomeFact>> facts() = 0;

  /// Reads and checks everything that is current; of a ledger, all of it. An engine's store has to
  /// be open for reading only.
  virtual Result<HomeVerification> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) = 0;

  /// Makes what was written a part of the home that all others see. Bucket files upload here;
  /// elsewhere every write has done so, and this does nothing.
  /// Errors: whatever they are, the writes are pending() still, and go with the next publish().
  virtual Status publish() = 0;
  virtual HomePending pending() { return {}; }
  /// Forgets what is pending(), as if it had never been written.
  virtual Status discard_pending() { return {}; }
  /// Makes visible here what others published meanwhile, where reads do not look for it: bucket
  /// files have their index in memory. Cost: reading that.
  virtual Status refresh() { return {}; }
  /// Does not publish. No other call may follow.
  virtual Status close() = 0;
};

struct HomeOptions {
  /// Of an engine's store. Of the others: create_if_missing and read_only.
  Options engine = {};
};

/// Opens, and by default creates, the home that `url` names (store_url.h). Of a home on S3, who
/// asks, the region and the endpoint come from the environment and from profiles, as for other S3
/// programs, where the URL does not say it.
///
/// A ledger is opened without a request: that it is not there, or may not be read, the first call
/// says. For reading, bucket files use the directory of the URL only if it is there.
/// Errors: invalid_argument   a URL that cannot be; `memory:`, which is empty at every start; an
///                            option of an engine's store that would promise what is not kept
///         corruption         bucket files without an index that can be read
///         and those of the home's open()
Result<std::unique_ptr<Home>> open_home(std::string_view url, const HomeOptions& options = {});
Result<std::unique_ptr<Home>> open_home(const StoreUrl& url, const HomeOptions& options = {});

/// What any home of this kind can do, without opening one. Whether bucket files keep bytes is a
/// matter of each database; this is of version 1.
HomeAbilities abilities_of(StoreScheme scheme);

/// What is particular to them goes past the Home.
/// Errors: invalid_argument   the URL is of another kind; and those of their open()
Result<Ledger> open_ledger(const StoreUrl& url, const HomeOptions& options = {});
/// `recover`: as BucketDbOptions::recover. Without it, one that needs recovery is `corruption`.
Result<BucketDb> open_bucket_files(const StoreUrl& url, const HomeOptions& options = {},
                                   bool recover = false);

}  // namespace talea
