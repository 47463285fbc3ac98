// BucketDb: a key-value database in a handful of objects of an S3 bucket, byte-compatible with
// s4db.
//
//     talea::Result<talea::BucketDb> opened = talea::BucketDb::open(
//         {.bucket = "records", .prefix = "app/"}, {.directory = "./app"});
//     if (!opened.ok()) return report(opened.status());
//     talea::BucketDb& db = *opened;
//     db.put("alice", "1");                          // durable here: one write, no request
//     talea::Status uploaded = db.upload();          // and now in the bucket: two requests
//     talea::Result<std::optional<talea::Bytes>> value = db.get("bob");   // one ranged request
//
// Writes are kept on this machine until upload() commits all of them to the bucket, at once:
// whoever reads there sees all or none. Any number of writers may share a prefix. Nobody's writes
// are lost; of two who wrote one key the last to upload wins. What others uploaded is seen after
// refresh() or upload().
//
// Format: docs/formats/s4db.md; on this machine, docs/formats/s4db-journal.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "talea/bytes.h"
#include "talea/limits.h"
#include "talea/result.h"
#include "talea/s3.h"

namespace talea {

struct BucketSeams;

/// Which of s4db's formats a database has.
enum class BucketFormat : std::uint8_t {
  /// Of s4db 0.8: text only.
  v1 = 1,
  /// Of its successor: text and bytes, and a checked index. s4db 0.8 does not read it.
  v2 = 2,
};

/// Who else writes to the prefix.
enum class BucketWriters : std::uint8_t {
  /// Perhaps somebody: every commit has conditions. The store has to honour them, which is tried
  /// before the first upload.
  many,
  /// Nobody, ever, while this one writes: for stores that know no conditions. Two writers that
  /// both say so destroy each other's data.
  one,
};

/// When a write that returned ok is safe from a power cut of this machine. It is safe from the end
/// of the process at once, if there is a directory.
enum class BucketSync : std::uint8_t {
  /// When it returns.
  always,
  /// After flush(), or when the operating system pleases.
  never,
};

struct BucketDbOptions {
  /// Where writes are kept until they are uploaded, and copies of data files. It is made when it is
  /// absent (its parent must exist), and used by one process at a time.
  /// Empty: there is none, and **writes that are not uploaded live in memory only**.
  std::string directory = {};
  /// Of a database that is made new; another one keeps what it has.
  BucketFormat format = BucketFormat::v1;
  /// Whether an empty prefix is a new database. Its first object is made by the first upload.
  bool create_if_missing = true;
  BucketWriters writers = BucketWriters::many;
  BucketSync sync = BucketSync::always;
  /// A data file that would be longer is not: a new one is begun. 1 KiB to 4 GiB.
  std::uint64_t file_bytes_max = 64 * kMiB;
  /// Up to this size the file of the upload before is put again with more in it, and above a new
  /// one is made. 0: always a new one.
  std::uint64_t grown_file_bytes_max = 4 * kMiB;
  /// Entries that were read, kept in memory. 0: none.
  std::uint64_t cache_bytes = 16 * kMiB;
  /// How many requests run at once, in calls that need several: 1 to kBucketThreadsMax.
  std::uint32_t threads = 8;
  /// Opens for recovery although there is an index, because it is damaged.
  bool recover = false;
  /// Nothing is written, neither to the bucket nor to the directory, which others may read at the
  /// same time; one that is not there is not made. What writes is `invalid_argument`.
  bool read_only = false;
};

/// What was read from the bucket and how, since the database was opened.
struct BucketReadCounts {
  std::uint64_t from_writes = 0;  // not uploaded yet
  std::uint64_t from_cache = 0;
  std::uint64_t from_files = 0;    // in the directory
  std::uint64_t from_bucket = 0;   // by a request of its own or a merged one
  std::uint64_t files_passed = 0;  // that did not have what they should: the bucket was asked
};

struct BucketStatus {
  BucketFormat format = BucketFormat::v1;
  /// There are data files and no index: see BucketDb::rebuild_index.
  bool needs_recovery = false;
  /// The index was rebuilt, and is not in the bucket yet.
  bool rebuilt = false;
  std::uint64_t keys = 0;
  /// What is not uploaded yet: operations, and bytes of entries.
  std::uint64_t pending_writes = 0;
  std::uint64_t pending_bytes = 0;
  /// Whether these survive the end of the process.
  bool pending_is_durable = false;
  /// Of the data files that the index refers to.
  std::uint64_t files = 0;
  BucketReadCounts reads = {};
};

/// What an upload did.
struct BucketUpload {
  std::uint64_t writes = 0;
  std::uint64_t files = 0;  // new and grown ones
  std::uint64_t bytes = 0;  // of objects that were put, the index among them
  /// How often somebody else had committed meanwhile.
  std::uint32_t conflicts = 0;
};

struct BucketCompaction {
  std::uint64_t keys = 0;
  std::uint64_t files_before = 0;
  std::uint64_t files_after = 0;
  std::uint64_t bytes_after = 0;
  std::uint64_t files_collected = 0;
  /// How the gc() behind it ended. What it left, the next one collects.
  Status collection = {};
};

struct BucketCollection {
  std::uint64_t files_collected = 0;
  /// That nothing refers to and that are not old enough, or must wait for a compaction.
  std::uint64_t files_left = 0;
};

struct BucketDownload {
  std::uint64_t files = 0;  // fetched
  std::uint64_t bytes = 0;
};

/// A stretch of a data file that is no entry.
struct BucketDamage {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

struct BucketRebuild {
  std::uint64_t files = 0;
  std::uint64_t entries = 0;
  std::uint64_t keys = 0;
  std::vector<BucketDamage> damage;
};

/// Which keys to go through, and in which order of their bytes. Empty means no bound.
struct BucketKeyRange {
  Bytes prefix = {};
  Bytes start = {};
  /// Behind the last one.
  Bytes end = {};
  bool reverse = false;
  /// At most so many; 0 means all.
  std::uint64_t limit = 0;
};

/// A data file in the bucket.
struct BucketFile {
  std::string name;
  std::uint64_t bytes = 0;
  /// When it was put, by the clock of the store.
  std::uint64_t modified_ms = 0;
  /// Whose newest entries are there, and how long those are. None: the file is garbage.
  std::uint64_t keys = 0;
  std::uint64_t live_bytes = 0;
};

/// Where data files are read from.
enum class BucketSource : std::uint8_t { bucket, directory };

/// Writes that are done together: all of them or none, in their order.
/// Threads: a value; externally synchronised.
class BucketBatch {
 public:
  struct Operation {
    enum class Kind : std::uint8_t { put_text, put_bytes, remove } kind;
    Bytes key;
    Bytes value = {};
  };

  /// `value` is UTF-8.
  BucketBatch& put(BytesView key, BytesView value);
  /// `value` is any bytes. Needs version 2.
  BucketBatch& put_bytes(BytesView key, BytesView value);
  /// Removing an absent key is no error, and writes nothing.
  BucketBatch& remove(BytesView key);

  std::size_t size() const { return operations_.size(); }
  bool empty() const { return operations_.empty(); }
  const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_;
};

/// Goes through keys of one moment: all in the order of the index, or those of a range in theirs.
///
/// What is put, removed or uploaded meanwhile does not show. Lifetime: must not outlive its
/// database.
/// Threads: externally synchronised.
class BucketScan {
 public:
  BucketScan(BucketScan&&) noexcept;
  BucketScan& operator=(BucketScan&&) noexcept;
  ~BucketScan();

  /// Moves to the next key; false at the end. Call it before the first key too.
  /// Errors: conflict   files of that moment were collected meanwhile: begin again
  ///         and those of BucketDb::get
  Result<bool> next();
  /// Valid until next().
  BytesView key() const;
  BytesView value() const;

 private:
  friend class BucketDb;
  struct State;
  explicit BucketScan(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Errors of all calls that ask the bucket: unauthenticated, denied, unavailable (not done, however
/// often it was tried), timed_out (for reads: no answer), not_found (no such bucket).
///
/// In a database that needs recovery, only status(), download(), rebuild_index() and upload({.force
/// = true}) work; all else is `unavailable`.
///
/// Keys: up to kBucketKeyBytesMax bytes of UTF-8, the empty one among them. Values: up to
/// kBucketValueBytesMax bytes, UTF-8 but for put_bytes().
///
/// Threads: safe, but for move, close() and destruction. Reads wait for nobody. Writes wait for
/// each other's sync. Of upload(), compact(), gc(), download(), refresh() and rebuild_index() one
/// runs at a time.
class BucketDb {
 public:
  /// Cost: one GET, of the index; one LIST more when there is none, or when there are copies in the
  /// directory of which it does not show that they are of the same database.
  ///
  /// Errors: not_found          no database there, and create_if_missing is false
  ///         corruption         the index or the journal is damaged; BucketDbOptions::recover helps
  ///                            against the first
  ///         invalid_argument   an option out of its range; a directory of another database
  ///         unavailable        another process uses the directory; the message says which
  ///         unsupported        written by something newer
  ///         exhausted, io_error
  static Result<BucketDb> open(const S3Options& at, const BucketDbOptions& options = {});
  /// The same in a world of the caller's choice; for what is built inside Talea.
  static Result<BucketDb> open(const S3Options& at, const BucketDbOptions& options,
                               const BucketSeams& seams);

  BucketDb(BucketDb&&) noexcept;
  BucketDb& operator=(BucketDb&&) noexcept;
  /// Lets go of the directory. Nobody learns what was pending; what was written under
  /// BucketSync::never is not made durable, and no index is written into the directory: close()
  /// does both.
  ~BucketDb();

  // --- Reading

  /// The value of `key`, or nothing if there is none.
  ///
  /// Cost: no request when it is not uploaded yet, in the cache, or in a copy in the directory; one
  /// ranged GET of just its entry otherwise, in parts of 64 MiB. When the bucket has something else
  /// there than the index says, the index is read again, and so on up to kBucketRereadsMax times.
  ///
  /// Errors: corruption   the bucket does not have what its index says
  Result<std::optional<Bytes>> get(BytesView key);
  /// The values of many keys, in their order.
  ///
  /// Cost: entries that lie close together come with one request; up to `threads` run at once.
  Result<std::vector<std::optional<Bytes>>> get_many(std::span<const BytesView> keys);
  /// Cost: a look into memory, as of keys() and size().
  bool contains(BytesView key) const;
  /// In the order of the index.
  std::vector<Bytes> keys() const;
  std::uint64_t size() const;

  /// All keys and values. Cost: those of get_many(), for some hundred keys at a time.
  Result<BucketScan> scan();
  /// The keys of a range, in their order. Cost: beside that, keys are sorted in memory.
  Result<BucketScan> scan(const BucketKeyRange& range);
  /// The same from copies in the directory. Those that are missing or are not what the
  /// bucket has are fetched before this returns.
  /// Cost: a LIST, a GET for each file fetched.
  /// Errors: invalid_argument   there is no directory
  ///         conflict           a file in it is no copy, and holds something else
  Result<BucketScan> scan_files();

  // --- Writing. All of it is checked before anything is written.

  /// Visible to this process at once, durable as BucketDbOptions::sync says, in the bucket after
  /// upload(). Cost: one write to the journal and a sync; no request; no matter how many keys there
  /// are.
  ///
  /// Errors: invalid_argument   a key or value outside its limits, or no UTF-8
  ///         unsupported        bytes, in a database of version 1
  ///         exhausted          too much in one batch, or the disk is full; nothing was written
  ///         io_error           nothing was written; no more is until the database is opened again
  ///         timed_out          unknown: it may be there when the database is opened again
  Status put(BytesView key, BytesView value);
  /// Needs version 2.
  Status put_bytes(BytesView key, BytesView value);
  /// Writes nothing when there is no such key.
  Status remove(BytesView key);
  /// An empty batch writes nothing.
  Status commit(const BucketBatch& batch);
  /// Makes durable what was written under BucketSync::never, and writes the index of the last
  /// commit into the directory, for people and tools. Does nothing without a directory.
  Status flush();

  // --- The bucket

  struct UploadOptions {
    /// Also what the bucket should have already: of the data files of the directory what it lacks.
    /// The way to publish a rebuilt index.
    bool force = false;
  };
  /// Commits all pending writes to the bucket. Writes of others that were committed meanwhile are
  /// taken over, and ours applied to them.
  ///
  /// After an error everything that is not committed stays pending, and can be uploaded again.
  /// Cost: nothing when nothing is pending; else a PUT for each data file that changed and one for
  /// the index. Up to three small ones more before the first upload of a process, to try
  /// conditions, and one that makes a new database.
  ///
  /// Errors: conflict      others commit faster than we do, kBucketCommitsMax times in a row; or
  /// the
  ///                       index is not the one that was rebuilt; with `force`, the bucket has more
  ///                       in a file than the directory, or something else
  ///         timed_out     the store does not answer; whether the commit was done is found out by
  ///                       the next upload, or the next open
  ///         unsupported   the store accepts conditions and ignores them: see BucketWriters::one;
  ///         or
  ///                       somebody made the database anew, in another version
  ///         exhausted     no file numbers are left (version 1 has 999 999), or the index is too
  ///         long
  Result<BucketUpload> upload(const UploadOptions& options);
  Result<BucketUpload> upload() { return upload(UploadOptions()); }

  /// Forgets all writes that are not uploaded, as if they had never been made. One whose upload was
  /// timed_out may be in the bucket all the same.
  Status discard_pending();

  /// Reads the index again; pending writes stay on top of it. Cost: one GET; a LIST more when there
  /// are copies in the directory, and the index does not show that it is the same database.
  ///
  /// Errors: unsupported   somebody made the database anew, in another version
  Status refresh();

  struct DownloadOptions {
    /// Discards pending writes, and overwrites files of the directory that are not copies.
    bool force = false;
  };
  /// Brings copies of all data files into the directory, and reads the index again.
  ///
  /// Cost: a LIST, a GET for each file that is missing or changed, one for the index.
  /// Also in a database that needs recovery, for rebuild_index(BucketSource::directory).
  /// Errors: conflict           there are pending writes, or a file that holds something else than
  ///                            the bucket's; nothing was discarded. The message says which
  ///         invalid_argument   there is no directory
  Result<BucketDownload> download(const DownloadOptions& options);
  Result<BucketDownload> download() { return download(DownloadOptions()); }

  /// Uploads what is pending, copies all current entries into new files, commits an index of these,
  /// and calls gc().
  ///
  /// Whatever stops it, the bucket is a whole database, with the old files or the new; a later
  /// compaction collects what it leaves. A failure of the gc() is in BucketCompaction::collection.
  /// Cost: a LIST, a GET for each file that is not in the directory, a PUT for each new file and
  /// two of the index (the first reserves the numbers of the files), and those of gc(). Memory for
  /// two data files.
  ///
  /// Errors: corruption   an entry is damaged or a file missing: with its name; no key was changed
  ///         conflict     others committed again and again; no key was changed
  Result<BucketCompaction> compact(std::chrono::milliseconds grace = std::chrono::hours(24));

  /// Removes data files that the index has not referred to for `grace`, by the clock of the store.
  ///
  /// For so long readers that opened before go on. 0: at once; they get an error or, where they can
  /// read the index again, the value of now. Files of writers of another program wait for 24 hours
  /// at least, and for a call with as long a grace time.
  /// Cost: a LIST and a GET or two; when there is garbage a PUT and a HEAD, and a request for each
  /// 1 000 files removed. Those of uploads that never ended take a PUT of the index more, and up to
  /// five small ones before it in a process that has not uploaded yet, to try conditions.
  ///
  /// Errors: invalid_argument   `grace` is negative
  ///         conflict           another gc() runs
  Result<BucketCollection> gc(std::chrono::milliseconds grace = std::chrono::hours(24));

  /// Makes the index anew from all data files, in memory; pending writes stay on top of it. Then
  /// look at what it found, and upload({.force = true}) publishes it.
  ///
  /// Takes every entry whose check is right, also of uploads that were never committed. What was
  /// removed and compacted stays removed.
  /// Cost: a HEAD, a LIST, a GET for each file; from the directory, a HEAD and a LIST.
  /// Errors: not_found          there are no data files
  ///         conflict           from a directory, and the bucket has more: download() first
  ///         invalid_argument   from a directory, and there is none
  Result<BucketRebuild> rebuild_index(BucketSource source = BucketSource::bucket);

  BucketStatus status() const;
  /// The data files, by their numbers. Cost: a LIST for each 1 000.
  Result<std::vector<BucketFile>> files();
  /// What was asked of the store since open().
  S3RequestCounts request_counts() const;

  /// Ends the use of the directory, and returns what is left to upload. **Uploads nothing**:
  /// with a directory, pending writes are there at the next open; without one they are lost.
  /// No other call may follow.
  Result<BucketStatus> close();

 private:
  struct Impl;
  friend class BucketScan;
  explicit BucketDb(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace talea
