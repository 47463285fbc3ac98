// Engine: the embedded home of a Talea store. One directory, one process, any number of threads.
//
//     #include <talea/engine.h>
//
//     talea::Result<talea::Engine> opened = talea::Engine::open("./data");
//     if (!opened.ok()) return report(opened.status());
//     talea::Engine& engine = *opened;
//     engine.put("alpha", "bravo");                       // durable when it returns ok
//     std::optional<talea::Bytes> value = *engine.get("alpha");
//     engine.close();
//
// Outcomes. Every write ends in one of three ways, told apart by its Status:
//   ok          committed: it happened, and (with SyncMode::always) no power cut takes it back
//   timed_out   unknown: the disk failed in the middle, and the failure could not be undone. The
//               engine refuses further writes; open it again and read what is there
//   any other   rejected: nothing of it happened, and nothing of it ever will
//
// Processes: an engine belongs to the process that opened it. A child made by fork() must not touch
// its copy, not even to destroy it.
// Threads: every member is safe to call from any number of threads at once, but for close(), move
// and destruction, which need the other calls to have returned.
// Formats: docs/formats/. Crash model: docs/crash-model.md.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "talea/backup.h"
#include "talea/batch.h"
#include "talea/bytes.h"
#include "talea/changes.h"
#include "talea/encryption.h"
#include "talea/history.h"
#include "talea/limits.h"
#include "talea/result.h"
#include "talea/state.h"
#include "talea/status.h"

namespace talea {

class EngineStore;
class Store;

/// When a write that returned ok is safe from a power cut. In every mode it is safe from the end
/// of the process at once.
enum class SyncMode : std::uint8_t {
  /// When it returns. Writers that arrive together share one sync.
  always,
  /// After the next sync, which runs every Options::sync_interval.
  interval,
  /// When the operating system pleases, after sync(), or after close(). For whoever hardly calls
  /// sync(): files are held in pages of 2 MiB, and each sync may write one for a few bytes.
  never,
};

/// When the checksum of what is read is compared.
enum class VerifyReads : std::uint8_t {
  /// When a block of 64 KiB is first read since the store was opened. What this process wrote
  /// itself counts as read.
  once,
  /// At every read. Costs hot reads of small values about a quarter of their speed.
  always,
};

struct Options {
  /// Create the store when the directory is absent or empty. Off: such an open is `not_found`.
  bool create_if_missing = true;
  /// Open for reading only: writes nothing, not even a repair of a torn tail, works on a
  /// read-only mount, and shares the directory with other readers (not with a writer).
  bool read_only = false;
  SyncMode sync = SyncMode::always;
  /// For SyncMode::interval: 1 ms to 60 s.
  std::chrono::milliseconds sync_interval{25};
  /// Size at which a segment of the log is sealed and the next one begun: 64 KiB to 1 GiB. A batch
  /// that is larger gets a segment of its own. (Segments of large values have 256 MiB.)
  std::uint64_t segment_bytes = 64 * kMiB;
  VerifyReads verify_reads = VerifyReads::once;
  /// How often the background looks for segments to compact, besides at once when less than
  /// live_ratio of all of them is of use: 10 ms to 24 h; 0: only Engine::compact does.
  std::chrono::milliseconds compaction_interval{60'000};
  /// A segment is compacted when less than this part of it is of use: 0.05 to 0.95. More saves disk
  /// and costs writing.
  double live_ratio = 0.6;
  /// What the index may take of memory: trees and look-up table; 1 MiB and more, or 0, no limit.
  /// Beyond it keys that were not used for long are looked up on disk.
  std::uint64_t memory_budget = 0;
  /// Log that the background lets grow before it writes a checkpoint, and that an open after a
  /// crash has to replay: 1 MiB and more, or 0: only Engine::checkpoint and compaction write them.
  std::uint64_t checkpoint_bytes = 64 * kMiB;
  /// End each compaction with a checkpoint, which gives the space back. Off: it comes back with the
  /// next one that checkpoint_bytes or Engine::checkpoint brings, and what was copied is on the
  /// disk twice until then; a compaction does not begin before that.
  bool checkpoint_after_compaction = true;
  /// How much log is kept for changes() when nothing else needs it, newest first, in bytes. 0: what
  /// a checkpoint has done with may go. Costs that much disk.
  std::uint64_t changes_bytes = 0;
  /// Remove keys that have expired. Off for a store whose batches come through apply(): their
  /// removal comes from where the sequences are assigned, and one of its own would take a sequence.
  /// The first apply() turns it off until the store is opened again.
  bool reap_expired = true;
  /// How many threads do the work of the background: 0 to 64; more than three have nothing to do.
  /// Fewer do it one after the other, so that a sync of SyncMode::interval waits for the end of a
  /// compaction. 0: no thread is started. Then writers do what is due, after their own write, and
  /// what is due while nobody writes waits for the next one.
  std::uint32_t worker_threads = 3;
  /// Values of so many bytes and more, up to 1 MiB, are compressed with LZ4, and kept so where that
  /// is shorter: 32 and more, or 0, none. May differ from one open to the next. Texts and JSON take
  /// a third to a half of the disk; a put of 4 KB takes some microseconds more, a get one or two.
  std::uint64_t compress_from_bytes = 0;
  /// Which revisions of a key the store keeps beside the newest. It belongs to the store: unset, it
  /// stays as it is, latest() in a new one; set, it is that from now on. A lower one than before
  /// gives its files up at the next compact(), latest() at once, which reads all that is to go. Of
  /// no effect with read_only. Costs the disk that past revisions take, and memory for those since
  /// the last checkpoint, about as much for each as for a key.
  std::optional<Retention> retention = {};
  /// Install a handler for SIGBUS in this process, for good: a disk that fails below a memory map
  /// is then an io_error of the read and does not end the process. Other addresses go to the
  /// handler that was there. `talea` does; a library that you embed should not without being asked.
  bool guard_maps = false;
  /// The master key of an encrypted store; with one, a store that is made is encrypted, with
  /// AES-256-GCM. A store that is not encrypted cannot become so where it is: write_snapshot() and
  /// restore() make one of it that is.
  Encryption encryption = {};
};

/// A value and the sequence of the batch that put it there.
struct Versioned {
  Bytes value;
  Sequence revision = 0;
  /// When the key expires, in milliseconds since 1970; 0: never.
  std::uint64_t expiry_ms = 0;
};

/// What to scan: all keys k with start <= k < end that begin with prefix. Empty means no bound.
struct ScanRange {
  Bytes prefix = {};
  Bytes start = {};
  Bytes end = {};
  bool reverse = false;
  /// At most so many rows; 0 means all.
  std::uint64_t limit = 0;
};

/// Walks keys in byte order (or the reverse of it).
///
///     Scan scan = TALEA_TRY(engine.scan({.prefix = "user:"}));
///     while (TALEA_TRY(scan.next())) use(scan.key(), TALEA_TRY(scan.value()));
///
/// A scan sees the store as it was when the scan was made, whatever is written or expires
/// meanwhile, and each key once. For as long as it lives, what was replaced since stays in memory
/// and on disk: do not keep one for hours. key() is empty, and value() and revision() are
/// `invalid_argument`, before the first row and after the last. Lifetime: must not outlive its
/// engine. Threads: externally synchronised.
class Scan {
 public:
  Scan(Scan&&) noexcept;
  Scan& operator=(Scan&&) noexcept;
  ~Scan();

  /// Moves to the next row; false at the end. Call it before the first row too.
  Result<bool> next() {
    if (rows_->next == rows_->end || rows_->is_closed->load(std::memory_order_relaxed)) [[unlikely]]
      return read_on();
    return take();
  }
  /// The key of the row; valid until next().
  BytesView key() const { return rows_->at->key; }
  /// The value of the row; valid until next(). Cost: no copy, but for large values.
  /// Errors: exhausted   larger than kValueBytesMax: use Engine::read_value
  Result<BytesView> value() {
    if (!rows_->at->has_value) [[unlikely]]
      return other_value();
    return rows_->at->value;
  }
  /// The revision of the row. Cost: as value().
  Result<Sequence> revision();
  /// When its key expires, in milliseconds since 1970; 0: never.
  Result<std::uint64_t> expiry_ms();

  // Stores make scans, and implement State. They read some rows at once, where they lie, so that
  // going from one to the next is a matter of this header alone.
  struct Row {
    BytesView key = {};
    BytesView value = {};
    bool has_value = false;  // not of a large one, nor where there is no row
    // Where a later one lies, for the processor to fetch meanwhile; never null where there is a
    // row.
    const char* ahead = nullptr;
  };
  struct Rows {
    const Row* at = nullptr;  // never null later: a row without a key stands for none
    const Row* next = nullptr;
    const Row* end = nullptr;
    const std::atomic<bool>* is_closed = nullptr;  // of the store
  };
  struct State;
  explicit Scan(std::unique_ptr<State> state);

 private:
  bool take() {
    rows_->at = rows_->next++;
    __builtin_prefetch(rows_->at->ahead);
    __builtin_prefetch(rows_->at->ahead + 64);
    return true;
  }
  Result<bool> read_on();
  Result<BytesView> other_value();

  std::unique_ptr<State> state_;
  Rows* rows_;  // of state_
};

/// Writes one large value, piece by piece, in constant memory. Nothing of it can be read before
/// finish() and a commit; a writer that is dropped leaves garbage, never a half value.
///
/// Lifetime: must not outlive its engine. Threads: externally synchronised.
class ValueWriter {
 public:
  ValueWriter(ValueWriter&&) noexcept;
  ValueWriter& operator=(ValueWriter&&) noexcept;
  ~ValueWriter();

  /// Errors: exhausted   disk full, or beyond kStreamedValueBytesMax; the writer is of no more use
  ///         io_error    the writer is of no more use
  Status append(BytesView piece);
  /// Bytes appended so far.
  std::uint64_t bytes() const;
  /// Makes the value durable and returns what Batch::put and Engine::put take. Call it once.
  Result<StoredValue> finish();

 private:
  friend class EngineStore;
  struct State;
  explicit ValueWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Reads one value, piece by piece, in constant memory: the value as it was when the reader was
/// made, whatever happens to the key meanwhile.
///
/// Lifetime: must not outlive its engine. Threads: externally synchronised.
class ValueReader {
 public:
  ValueReader(ValueReader&&) noexcept;
  ValueReader& operator=(ValueReader&&) noexcept;
  ~ValueReader();

  /// Length of the whole value.
  std::uint64_t bytes() const;
  Sequence revision() const;
  /// The next piece of the value, empty at its end; at most kInlineValueBytesMax bytes, valid
  /// until the next call. Every byte returned has passed its checksum.
  Result<BytesView> read();
  /// Continues at `offset`, at most bytes().
  Status seek(std::uint64_t offset);

 private:
  friend class ChangeReader;
  friend class EngineStore;
  struct State;
  explicit ValueReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What opening found.
struct RecoveryReport {
  /// Batches read back from log segments.
  std::uint64_t batches_replayed = 0;
  /// Zero after a clean close. A tail that a crash had torn was cut off: these bytes, of this file,
  /// from this offset. None of them was ever acknowledged under SyncMode::always.
  std::uint64_t bytes_dropped = 0;
  std::string dropped_from_file = {};
  std::uint64_t dropped_from_offset = 0;
  /// The last sequence that was kept.
  Sequence last_sequence = 0;
};

/// The store as it was at one moment: reads of it agree with each other, whatever is written or
/// expires meanwhile. Making one costs nothing that depends on the size of the store.
///
/// For as long as it lives, what was replaced since stays in memory (32 bytes for each overwrite)
/// and on disk: do not keep one for hours. Beyond kUndoChangesMax overwrites, or kGarbageBytesMax
/// of them on the disk, writers wait for its end, and are refused if it does not come. Lifetime:
/// must not outlive its engine. Threads: safe, but for move and destruction.
class Snapshot {
 public:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot();

  /// The last commit that it sees.
  Sequence sequence() const;
  // As those of Engine, as of sequence().
  Result<bool> get(BytesView key, Bytes& value) const;
  Result<std::optional<Bytes>> get(BytesView key) const;
  Result<std::optional<Versioned>> get_versioned(BytesView key) const;
  Result<Scan> scan(const ScanRange& range = {}) const;

 private:
  friend class EngineStore;
  struct State;
  explicit Snapshot(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Counts of durations, in buckets whose bounds grow by about 12 % each.
struct LatencyHistogram {
  static constexpr std::size_t kBuckets = 256;
  std::uint64_t count = 0;
  std::uint64_t sum_ns = 0;
  std::uint64_t max_ns = 0;
  std::array<std::uint64_t, kBuckets> buckets{};
  /// The upper bound, in nanoseconds, of the bucket that holds quantile `q` (0 to 1); 0 if empty.
  std::uint64_t quantile_ns(double q) const;
  /// The largest duration that bucket `position` counts, in nanoseconds.
  static std::uint64_t bucket_upper_ns(std::size_t position);
};

/// Counters since open, and sizes now. Counters are exact once the calls they count have returned.
struct Stats {
  // Operations, by what they did.
  std::uint64_t puts = 0;
  std::uint64_t removes = 0;
  std::uint64_t gets = 0;
  std::uint64_t gets_found = 0;
  std::uint64_t scans = 0;
  std::uint64_t rows_scanned = 0;
  std::uint64_t batches_committed = 0;
  std::uint64_t batches_rejected = 0;
  std::uint64_t batches_unknown = 0;
  std::uint64_t conflicts = 0;  // of the rejected, those that a precondition stopped
  // What they cost.
  std::uint64_t log_bytes_written = 0;
  std::uint64_t extent_bytes_written = 0;
  std::uint64_t groups_written = 0;
  std::uint64_t syncs = 0;
  std::uint64_t segments_created = 0;
  std::uint64_t segments_abandoned = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t compacted_bytes_written = 0;  // copies of what was current
  std::uint64_t run_bytes_written = 0;        // of checkpoints, and of merged runs
  /// Of every commit under SyncMode::always, else of one in 64.
  LatencyHistogram commit_latency;
  /// Of one get in 64.
  LatencyHistogram get_latency;
  std::uint64_t keys_expired = 0;              // and removed for it
  std::uint64_t values_compressed = 0;         // as they were put
  std::uint64_t bytes_before_compression = 0;  // of these
  std::uint64_t bytes_after_compression = 0;
  // Sizes now.
  std::uint64_t keys = 0;        // of users, those included that expired and are not removed yet
  std::uint64_t live_bytes = 0;  // entries that are current, headers included, and their extents
  std::uint64_t disk_bytes = 0;  // length of all segments, unused tails included
  std::uint64_t segments = 0;
  std::uint64_t index_bytes = 0;  // memory: trees, look-up table, what snapshots need of the past
  // Past ones that are kept, or were given up and not yet collected. One that compaction moved
  // counts twice until its runs are merged.
  std::uint64_t revisions = 0;
  std::uint64_t history_bytes = 0;  // memory that those since the last checkpoint take
  Sequence last_sequence = 0;
  Sequence durable_sequence = 0;
  SyncMode sync = SyncMode::always;
  // Of an encrypted store; else 0.
  std::uint32_t data_key = 0;       // the id of that of new files
  std::uint32_t data_keys = 0;      // how many there are
  std::uint64_t old_key_bytes = 0;  // of files that name another than the newest
};

enum class SegmentKind : std::uint8_t { log = 1, data = 2, extent = 3 };
std::string_view segment_kind_name(SegmentKind kind);
std::string_view sync_mode_name(SyncMode mode);

struct SegmentInfo {
  std::uint64_t id = 0;
  SegmentKind kind = SegmentKind::log;
  std::string file;  // its name inside the directory
  bool sealed = false;
  std::uint64_t file_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t entries = 0;  // entries, or chunks for an extent segment
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
  std::uint32_t data_key = 0;  // its id; 0: not encrypted
};

/// One thing that is wrong with a store.
struct Finding {
  std::string file;
  std::uint64_t offset = 0;
  std::string problem;
};

struct VerifyReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t batches = 0;
  std::uint64_t entries = 0;
  std::uint64_t chunks = 0;
  std::uint64_t keys = 0;
  /// Past ones, in runs.
  std::uint64_t revisions = 0;
  /// Bytes of a tail torn by a crash, which the next open for writing will drop. Not a fault.
  std::uint64_t torn_tail_bytes = 0;
  std::vector<Finding> findings;
};

/// What repair_store() made of a damaged store.
struct RepairReport {
  /// What is wrong with the damaged one; as verify_store() says it.
  VerifyReport found;
  /// Keys in the new store.
  std::uint64_t keys_kept = 0;
  /// Keys that are known to have had a value that is damaged; they are not in the new store. The
  /// first kLostKeysMax of them by name, those of users only.
  std::uint64_t keys_lost = 0;
  std::vector<Bytes> lost_keys;
  static constexpr std::size_t kLostKeysMax = 10'000;
  /// Batches that were in the damaged parts of the log, at most: what they changed is as it was
  /// before them, and which keys that were nobody can tell.
  std::vector<LostChanges> lost_batches;
  /// The damaged store kept past revisions. The new one has none of them, and keeps the newest
  /// alone until it is told otherwise.
  bool is_history_lost = false;
  /// The manifest or the index was damaged, so that all files were searched for the newest of each
  /// key: keys that were removed may be there again, and others may have older values.
  bool is_by_search = false;
  StateHash state_hash{};
};

/// What became of a batch: the result of commit().
using Completion = std::function<void(Result<Sequence>)>;

class Engine {
 public:
  /// Opens, and by default creates, the store in directory `path`. Its parent must exist.
  ///
  /// Cost: reads the log once. Memory: 30 to 45 bytes for each key, whatever its length.
  ///
  /// Errors: not_found         no store there, and create_if_missing is off or read_only is on
  ///         invalid_argument  an option out of its range, a directory that holds other things, or
  ///         a
  ///                           key for a store that is not encrypted
  ///         unauthenticated   it is encrypted, and Options::encryption names no key
  ///         denied            another master key, or others may read its file
  ///         unavailable       somebody has it open; the message names the writer that has it, or
  ///                           had it before the readers that have it now
  ///         corruption        the message names file and offset; nothing was changed. `talea
  ///                           verify` lists all that is wrong
  ///         unsupported       written by a newer version, or with a feature unknown here
  ///         exhausted, io_error, denied   the disk is full, or the operating system refused
  static Result<Engine> open(const std::string& path, const Options& options = {});

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  /// Without close(): as if the process had ended here. What was acknowledged is kept.
  ~Engine();

  /// Sets `key` to `value` and returns the sequence of the commit.
  ///
  /// `key`: 1 byte to 64 KiB. `value`: 0 bytes to 1 GiB; longer values go through write_value().
  /// Cost: one copy of the value (two above 1 MiB), and under SyncMode::always a share of a sync.
  ///
  /// Errors, of all writes:
  ///   invalid_argument  outside a limit, or the engine is read-only or closed
  ///   conflict          a precondition failed
  ///   exhausted         disk full: free space and retry, the engine goes on. An open engine keeps
  ///                     8 MiB in which remove() and compact() go on when put() is refused. Or
  ///                     kUndoChangesMax or kGarbageBytesMax is reached, and five seconds did not
  ///                     help: the message says what holds on to it
  ///   denied            the file system became read-only
  ///   io_error          the write failed and was undone, or an earlier one was not: reopen
  ///   timed_out         unknown outcome; reopen and read
  Result<Sequence> put(BytesView key, BytesView value);
  Result<Sequence> put(BytesView key, const StoredValue& value);
  /// As put(), and the key expires; see Expiry. Cost: two entries in one batch.
  Result<Sequence> put(BytesView key, BytesView value, Expiry expiry);
  Result<Sequence> put(BytesView key, const StoredValue& value, Expiry expiry);
  /// Changes when `key` expires and leaves its value: Expiry::after() gives it a new lease,
  /// Expiry::never() takes its expiry away. The key gets a new revision. False when it is absent.
  /// Cost: as get() and put().
  Result<bool> set_expiry(BytesView key, Expiry expiry);

  /// Removes `key`; that it was absent is no error.
  Result<Sequence> remove(BytesView key);

  /// Commits `batch` as a whole. `failed`, when given, tells which precondition failed.
  /// A batch with preconditions and no operation checks them, changes nothing and returns the
  /// last sequence.
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed = nullptr);

  /// Commits `batch` as commit() does, and does not wait: `done` is called when the outcome is
  /// known, once, by a thread of the engine's that runs one such call after another, commits in
  /// the order of their sequences. So one thread can have thousands under way, which share syncs.
  ///
  /// `done` must not throw, and must not wait for other commits of this engine, nor close it. It
  /// may read, and call commit_async().
  /// Waits itself only for the disk to take values above 1 MiB; while 64 MiB or 65 536 outcomes are
  /// queued, or writers are beyond kUndoChangesMax or kGarbageBytesMax, but not when `done` calls;
  /// and, with a memory budget, Expiry::keep() or set_expiry(), for the commit, whose place in the
  /// order of calls is then open.
  /// close() and the destructor return after all are done.
  ///
  /// Cost: as commit(), without the wait, and some allocations.
  /// Errors: invalid_argument, io_error, exhausted   what is wrong with the call itself, or the
  ///         engine: then `done` is not called. All else, a conflict among it, goes to `done`
  Status commit_async(Batch batch, Completion done);

  /// Commits `batch` under a sequence that somebody else assigned: the door for replication.
  /// A sequence that is not above the last one was applied before: it is ignored, and false is
  /// returned. Preconditions are not allowed, nor Expiry::after(), Expiry::keep() and
  /// Batch::set_expiry(): they were evaluated where the sequence was assigned.
  Result<bool> apply(Sequence sequence, const Batch& batch);

  /// The newest committed value, or nothing. Cost: one index look-up and one read of the log.
  ///
  /// Errors: corruption   the bytes on disk are damaged; never a wrong value
  ///         exhausted    the value is larger than kValueBytesMax: use read_value()
  Result<std::optional<Bytes>> get(BytesView key);
  /// The same into a buffer of the caller's, whose memory is used again; false, and the buffer as
  /// it was, when there is no such key. Cost: the fastest way to read.
  Result<bool> get(BytesView key, Bytes& value);
  /// Reads several keys at once, each as get() does; not a snapshot of them. `values` is as long as
  /// `keys`; of an absent key it gets nothing, and buffers that are there are used again.
  /// Cost: less than the gets one by one, because their cache misses overlap.
  Status multi_get(std::span<const BytesView> keys, std::span<std::optional<Bytes>> values);
  /// As get(), with the revision that require_revision() takes.
  Result<std::optional<Versioned>> get_versioned(BytesView key);

  Result<Scan> scan(const ScanRange& range = {});

  /// What `key` had at a moment of the past, with the revision and expiry of then; nothing if it
  /// was absent. The present may be asked for as well.
  ///
  /// Cost: as get() where the newest revision answers; else besides a look at those since the last
  /// checkpoint, and at a block of a run or two.
  /// Errors: not_found         that is not known any more, or never was; see history_from(). The
  ///                           message says from which sequence on all is. With
  ///                           Retention::latest() a time is known only if the key was not changed
  ///                           since
  ///         invalid_argument  the moment is yet to come
  ///         corruption, exhausted, io_error   as get()
  Result<std::optional<Versioned>> get(BytesView key, At at);
  /// The same in pieces, however long the value.
  Result<std::optional<ValueReader>> read_value(BytesView key, At at);
  /// The revisions of `key` that are kept, newest first, the present one among them. One that has
  /// expired and is not removed yet is there. Cost: 40 bytes and a look at its entry for each:
  /// give a limit, and go on with RevisionRange::before, where there may be very many.
  /// Errors: corruption, io_error, invalid_argument when closed
  Result<std::vector<Revision>> history(BytesView key, const RevisionRange& range = {});
  /// As scan(), of the store as it was at a moment of the past. Cost besides: to begin with a look
  /// at each change since the last checkpoint, and for each key a comparison with what runs say of
  /// the past.
  /// Errors: not_found   `at` is below history_from(); also as get(key, at)
  Result<Scan> scan(const ScanRange& range, At at);
  /// The keys of which history() knows a revision, also those that are removed now. Rows have their
  /// key alone. Cost: as scan(range, at).
  Result<Scan> scan_keys_with_past(const ScanRange& range = {});
  /// What the store keeps; see Options::retention.
  Retention retention() const;
  /// The lowest sequence as of which every question can be answered. Those about a key whose
  /// revision of then is kept can be answered below it as well.
  Sequence history_from() const;

  /// The store as it is now, to read several things that belong together.
  Result<Snapshot> snapshot();

  /// The hash of all that the store holds now, of users and of Talea itself: the same for two
  /// stores that hold the same, whenever each was opened, synced and filled. Batches that were
  /// applied under the same sequences leave the same hash. Cost: reads every value. Writers go on
  /// meanwhile; see Snapshot.
  Result<StateHash> state_hash();
  /// Writes all that the store holds now to `sink`, as a stream that restore() reads, and returns
  /// its state hash. Cost: as state_hash(); memory of a few hundred KiB, whatever the values.
  /// Errors: those of `sink`; what it got so far is not taken for a whole stream
  /// Format: docs/formats/state.md.
  Result<StateHash> write_snapshot(const StateSink& sink);
  /// Makes a store in directory `path`, which is absent or empty, of a stream that write_snapshot()
  /// wrote, and returns its state hash. It holds what the other held, with the same revisions, and
  /// goes on with the sequence behind it. There is no store before all of the stream was verified.
  ///
  /// Cost: small values are written twice; memory of 64 MiB, and 1/64 of the small values.
  /// `options`: those that open() will get; how large segments are is all that counts here.
  /// Errors: corruption        the stream is damaged or cut short; no store was made
  ///         unsupported       a newer version, or a feature unknown here
  ///         invalid_argument  the directory holds something
  ///         unavailable       somebody else makes or has a store there
  ///         exhausted, denied, io_error, and those of `source`
  static Result<StateHash> restore(const std::string& path, const StateSource& source,
                                   const Options& options = {});

  /// What was committed behind batch `after`, in order, of keys that begin with `prefix`; 0: from
  /// the first one on. Costs nothing until it is read. See ChangeReader.
  /// Errors: invalid_argument   the engine is closed
  Result<ChangeReader> changes(Sequence after, BytesView prefix = {});

  /// Begins a value of any length.
  Result<ValueWriter> write_value();
  /// Opens the newest committed value for reading in pieces, or nothing.
  Result<std::optional<ValueReader>> read_value(BytesView key);

  /// Makes durable all that was acknowledged before the call.
  Status sync();

  /// Copies what is of use out of segments that are mostly garbage, and gives their space back;
  /// writers and readers go on. Returns when it is done; space that a snapshot needs comes back
  /// when that ends.
  ///
  /// Cost: reads the segments it empties, writes what is of use of them and a checkpoint.
  /// Errors: exhausted   no room for the copies; nothing is lost
  ///         corruption  a segment is damaged; it stays as it is, and the others are done
  ///         io_error, denied; invalid_argument when closed or read-only
  Status compact();
  /// Makes a backup of the store as it is when the call begins; writers and readers go on. Files
  /// that compaction replaces meanwhile stay on the disk until it ends.
  ///
  /// Cost: reads and writes what is not in an earlier backup in `target`.
  /// Errors: invalid_argument   `target` has backups of another store; or closed or read-only
  ///         corruption, io_error, exhausted, and those of `target`: there is no new backup
  Result<BackupInfo> backup(BackupTarget& target, const BackupProgress& progress = {});
  /// Writes what changed of the index since the last checkpoint, so that the next open replays
  /// nothing before this. Cost: a look at what was written since, or at the index if that is less,
  /// a row for each change, and two syncs. Errors: as compact()
  Status checkpoint();

  /// Wraps the data keys of an encrypted store with another master key, with which it opens from
  /// then on. Nothing else is written. Backups that were made before need the old one.
  /// Errors: invalid_argument   the store is not encrypted, or `master` is no key; or closed, or
  ///         read-only. And those of the source, as open()
  ///         exhausted, denied, io_error   it opens with the one or the other: keep both, and try
  ///         again
  Status rotate_master_key(const Encryption& master);
  /// Makes a new data key, which all files from now on are encrypted with, and returns its id. What
  /// is encrypted with older ones is written anew by compaction and merges in the background, or by
  /// compact(); an old key goes with the last file that names it (Stats::old_key_bytes). Files of
  /// values above 1 MiB are not compacted: they keep theirs until all their values are replaced.
  /// Errors: invalid_argument   the store is not encrypted; or closed, or read-only
  ///         exhausted, denied, io_error   there may be a new key; try again
  Result<std::uint32_t> rotate_data_key();

  Stats stats() const;
  std::vector<SegmentInfo> segments() const;
  /// What open() found.
  const RecoveryReport& recovery() const;

  /// Syncs, seals the open segments and releases the directory. Every later call is refused.
  /// Cost: some milliseconds; a checkpoint besides when more than an eighth of
  /// Options::checkpoint_bytes was written since the last one, some tenths of a second at most, so
  /// that the next open replays little. The destructor without close() spares that.
  /// Errors: io_error, exhausted, denied   what was acknowledged under SyncMode::always is safe all
  ///         the same, and the next open puts the rest in order
  Status close();

 private:
  friend Store& store_of(Engine& engine);
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads every byte of the store in `path`, changes nothing, and reports all that is wrong: bad
/// checksums, missing files, references to what is not there.
///
/// Cost: reads the whole store. `progress`, when given, is called with bytes done and in all.
/// Errors: as Engine::open for a store that cannot be read at all; damage is in the report.
/// `encryption`: of a store that is encrypted.
Result<VerifyReport> verify_store(
    const std::string& path,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress = {},
    const Encryption& encryption = {});

/// Makes a store in directory `new_path`, which is absent or empty, of all that is intact in the
/// store in `path`, which is not changed, and says what is lost. With Options::encryption both are
/// encrypted, with that master key.
///
/// Cost: reads the damaged store twice, and writes what is intact. Memory: some 200 bytes for each
/// key.
/// Errors: invalid_argument   `new_path` holds something
///         unavailable        somebody writes the damaged store
///         not_found          there is no store in `path`
///         unsupported, exhausted, denied, io_error: there is no new store
Result<RepairReport> repair_store(
    const std::string& path, const std::string& new_path, const Options& options = {},
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress = {});

}  // namespace talea
