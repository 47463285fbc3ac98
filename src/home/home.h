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
#include <vector>

#include "talea/bytes.h"
#include "talea/engine.h"
#include "talea/result.h"

namespace talea {

/// What a home keeps of what it is given. Verbs look here to say no before they read or write.
struct HomeAbilities {
  /// For people: "a ledger", "bucket files", "an engine's store".
  std::string_view name;
  /// Values are any bytes. Else they are JSON (a ledger) or text (version 1 of bucket files).
  bool keeps_bytes = true;
  bool removes = true;
  bool expires = true;
  /// Past revisions can be listed and read, oldest first too.
  bool keeps_history = true;
  /// put with a condition.
  bool has_conditions = true;
  /// Several puts and removes become visible together or not at all.
  bool has_batches = true;
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

/// At most one of the two.
struct HomeCondition {
  bool absent = false;
  std::optional<std::uint64_t> revision = {};
};

/// One write of several. A value that is in `value` lives in memory.
struct HomeWrite {
  Bytes key = {};
  Bytes value = {};
  bool is_remove = false;
  std::uint64_t expiry_ms = 0;
};

/// Goes through rows of one moment, or through revisions. Must not outlive its home.
/// Threads: externally synchronised.
class HomeCursor {
 public:
  virtual ~HomeCursor() = default;
  /// False at the end. Call it before the first too.
  virtual Result<bool> next() = 0;
  /// Valid until next(). Without its value where the range said keys only.
  virtual const HomeEntry& entry() const = 0;
  /// Of revisions(): the entry is a removal, and its time.
  virtual bool is_remove() const { return false; }
  virtual std::uint64_t time_ms() const { return 0; }
};

struct HomeFinding {
  std::string place;  // a file, an object, or a key
  std::uint64_t offset = 0;
  std::string problem;
};

struct HomeVerification {
  std::uint64_t entries = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
  /// The newest hash of a ledger: note it, and compare the next time. Else empty.
  std::string head = {};
  std::vector<HomeFinding> findings = {};
};

/// Errors: those of the home's own interface. Threads: externally synchronised.
class Home {
 public:
  virtual ~Home() = default;

  virtual const HomeAbilities& abilities() const = 0;

  /// Errors: exhausted   a value too long for memory: read it in pieces
  virtual Result<std::optional<HomeEntry>> get(BytesView key, const std::optional<At>& at = {}) = 0;
  /// Gives the value to `sink` in pieces. False: there is no such key.
  virtual Result<bool> read(BytesView key, const std::optional<At>& at, const StateSink& sink);

  /// Returns the revision; 0 where the home has none.
  virtual Result<std::uint64_t> put(BytesView key, BytesView value,
                                    const HomeCondition& condition = {},
                                    std::uint64_t expiry_ms = 0) = 0;
  /// The same with the value from `source`, until it has no more.
  virtual Result<std::uint64_t> put_pieces(BytesView key, const StateSource& source,
                                           const HomeCondition& condition = {},
                                           std::uint64_t expiry_ms = 0);
  virtual Result<std::uint64_t> remove(BytesView key, const HomeCondition& condition = {}) = 0;
  /// In their order; together where the home has batches. Returns the revision of the last.
  virtual Result<std::uint64_t> write(const std::vector<HomeWrite>& writes) = 0;

  virtual Result<std::unique_ptr<HomeCursor>> scan(const ScanRange& range, bool keys_only,
                                                   const std::optional<At>& at = {}) = 0;
  /// The newest first.
  virtual Result<std::vector<HomeRevision>> history(BytesView key, const RevisionRange& range) = 0;
  /// All revisions of a key that are kept, with their values, the oldest first; of all keys, in the
  /// order in which they were written, where `key` is nothing and the home can (a ledger).
  virtual Result<std::unique_ptr<HomeCursor>> revisions(const std::optional<Bytes>& key) = 0;

  /// How many keys there are, where that costs nothing.
  virtual std::optional<std::uint64_t> key_count() = 0;

  /// Reads and checks everything.
  virtual Result<HomeVerification> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) = 0;

  /// Makes what was written a part of the home that all others see. Bucket files upload here;
  /// elsewhere every write has done so, and this does nothing.
  virtual Status publish() = 0;
  /// Does not publish. No other call may follow.
  virtual Status close() = 0;
};

struct HomeOptions {
  /// Of an engine's store. Of the others: create_if_missing and read_only.
  Options engine = {};
};

/// Opens, and by default creates, the home that `url` names. Of a home on S3, who asks, the region
/// and the endpoint come from the environment and from profiles, as for other S3 programs; the URL
/// may say `?endpoint=http://localhost:9000&region=...&profile=...&directory=./mirror`.
/// Errors: invalid_argument   a URL that cannot be; and those of the home's open()
Result<std::unique_ptr<Home>> open_home(std::string_view url, const HomeOptions& options = {});

}  // namespace talea
