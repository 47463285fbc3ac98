// EngineStore: the embedded store. Joins opening, sequencer, logs and live state.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/commit_log.h"
#include "engine/extent_store.h"
#include "engine/live_state.h"
#include "engine/maintenance.h"
#include "engine/metrics.h"
#include "engine/opening.h"
#include "engine/prepared_batch.h"
#include "engine/reaper.h"
#include "engine/seams.h"
#include "engine/sequencer.h"
#include "engine/space_reserve.h"
#include "engine/write_bounds.h"
#include "store/store.h"

namespace talea {

/// A scan whose values may be larger than a call returns.
struct EngineScanState : Scan::State {
  /// The value of the row, to be read in pieces.
  virtual Result<ValueReader> read_value() = 0;
};

/// Threads: safe, but for close() and destruction.
class EngineStore final : public Store {
 public:
  /// As Engine::open, on a world of the caller's choice.
  static Result<std::unique_ptr<EngineStore>> open(const Seams& seams, const std::string& path,
                                                   const Options& options,
                                                   const WriteBounds::Limits& bounds = {});
  ~EngineStore() override;

  Result<Sequence> put(Space space, BytesView key, BytesView value);
  Result<Sequence> remove(Space space, BytesView key);
  Result<bool> set_expiry(Space space, BytesView key, Expiry expiry);
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override;
  Result<bool> apply(Sequence sequence, const Batch& batch) override;
  Status commit_async(Batch batch, Completion done);

  Result<std::optional<Versioned>> get(Space space, BytesView key) override;
  Result<std::optional<Bytes>> get_value(Space space, BytesView key);
  Result<bool> get_into(Space space, BytesView key, Bytes& value);
  Status multi_get(Space space, std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values);
  Result<Scan> scan(Space space, const ScanRange& range) override;
  /// As Engine::get, Engine::history and Engine::scan, of a space.
  Result<std::optional<Versioned>> get(Space space, BytesView key, At at) const;
  Result<std::optional<ValueReader>> read_value(Space space, BytesView key, At at) const;
  Result<std::vector<Revision>> history(Space space, BytesView key,
                                        const RevisionRange& range) const;
  Result<Scan> scan(Space space, const ScanRange& range, At at) const;
  Result<Scan> scan_keys_with_past(Space space, const ScanRange& range) const;
  Retention retention() const { return retention_; }
  Sequence history_from() const;
  Result<std::unique_ptr<StateReader>> read_state() override;
  Result<Snapshot> snapshot();
  /// As Engine::changes, of a space.
  Result<ChangeReader> changes(Space space, Sequence after, BytesView prefix) const;
  /// Sleeps until a batch behind `beyond` is published, at most for `timeout`.
  bool wait_for_change(Sequence beyond, std::chrono::milliseconds timeout) const;
  Result<ValueWriter> write_value();
  Result<std::optional<ValueReader>> read_value(Space space, BytesView key);

  /// The hints of expiry; is not counted.
  Result<Scan> scan_hints(const ScanRange& range) const;
  /// What there is of a key, also if it has expired and is not removed yet.
  struct KeyState {
    Sequence revision = 0;
    std::uint64_t expiry_ms = 0;
  };
  Result<std::optional<KeyState>> look_up(Space space, BytesView key) const;
  /// For the reaper: commits a batch of removals whose preconditions see what has expired. `keys`:
  /// how many of them are counted as expired.
  Result<Sequence> remove_expired(const Batch& batch, std::uint64_t keys,
                                  FailedPrecondition* failed);
  /// The time by which keys expire.
  std::uint64_t now_ms() const { return std::max(seams_.clock.wall_ms(), log_.last_now()); }
  Reaper& reaper() { return reaper_; }

  /// As Engine::backup.
  Result<BackupInfo> backup(BackupTarget& target, const BackupProgress& progress);

  Status sync();
  Status compact();
  Status checkpoint();
  /// One step of what the background does.
  void maintain() { maintenance_.step(); }
  /// As those of Engine.
  Status rotate_master_key(const Encryption& master);
  Result<std::uint32_t> rotate_data_key();
  Stats stats() const;
  /// How many commits wait behind the group that is being written.
  std::size_t queued_commits() const { return sequencer_.queued(); }
  std::vector<SegmentInfo> segments() const;
  const RecoveryReport& recovery() const { return report_; }
  Status close();

  /// Errors: invalid_argument   closed, or opened for reading only
  Status check_usable(bool for_writing) const;
  /// Errors: exhausted   the disk is full: removals only
  Status check_may_put() { return reserve_.check_whole(); }

 private:
  friend class EngineScan;
  friend class PastScan;
  friend class EngineStateReader;

  EngineStore(const Seams& seams, const std::string& path, const Options& options,
              const WriteBounds::Limits& bounds, OpenedDirectory opened);

  friend struct ChangeReader::State;
  friend struct Snapshot::State;

  Status begin_background_work();
  Status check_encrypted() const;
  void add_key_stats(Stats& stats) const;
  // Where a read looks: at the newest entries now, or at those of a pinned batch at a moment.
  struct Moment {
    Sequence sequence = 0;
    std::uint64_t time_ms = 0;
  };
  using AsOf = std::optional<Moment>;
  bool is_expired(const LiveState::Found& found, const AsOf& as_of) const {
    if (!found.entry.expires()) [[likely]]
      return false;
    return found.entry.is_expired(as_of ? as_of->time_ms : now_ms());
  }
  // Finds and checks the entry of a key; false when there is none.
  Result<bool> find(const EpochGuard& guard, Space space, BytesView key, AsOf as_of,
                    LiveState::Found& out) const;
  // The same, and of a key that has expired as well.
  Result<bool> find_physical(const EpochGuard& guard, Space space, BytesView key, AsOf as_of,
                             LiveState::Found& out) const;
  Result<bool> get_into(Space space, BytesView key, AsOf as_of, Bytes& value) const;
  Result<std::optional<Versioned>> get_versioned(Space space, BytesView key, AsOf as_of) const;
  Result<Scan> scan(Space space, const ScanRange& range, SnapshotRegistry::Pin pin,
                    std::uint64_t time_ms) const;
  // `time_ms`: what has expired then is not there.
  std::unique_ptr<EngineScanState> make_scan(Space space, const ScanRange& range,
                                             SnapshotRegistry::Pin pin, std::uint64_t time_ms,
                                             VerifyReads verify, bool is_counted = true) const;
  // What of the past `at` is, or the reason why that cannot be asked for.
  Result<RevisionLimit> limit_of(At at) const;
  Status unknown_past(At at) const;
  // Finds and checks what a key had then; false when it had nothing.
  Result<bool> find_past(const EpochGuard& guard, Space space, BytesView key, At at,
                         LiveState::Found& out) const;
  // The value of an entry, whole; an extent list is followed.
  Status copy_value(const LiveState::Found& found, Bytes& value) const;
  static Status decompress(const LiveState::Found& found, Bytes& value);
  Result<ValueReader> make_reader(const LiveState::Found& found) const;

  class AsyncCommit;

  Status begin_serving();
  void end_serving();
  Status prepare(const Batch& batch, PreparedBatch& prepared);
  Result<Sequence> write(const Batch& batch, std::optional<Sequence> sequence,
                         FailedPrecondition* failed);
  // A batch that depends on what its keys have now: as one that says it.
  Result<Sequence> commit_resolved(const Batch& batch, FailedPrecondition* failed);
  Status resolve(const Batch::Operation& operation, Batch& resolved) const;
  Status check_may_put(const Batch& batch);
  // For when a bound is reached: waits, helps, and refuses what would go further beyond it.
  Status wait_within_bounds(bool puts);
  Status bound_refusal() const;
  Result<Sequence> write_one(const EntrySource& entry);
  Result<Sequence> commit_promoted(const Sequencer::Request& request);
  Result<Sequence> commit_encoded(const Sequencer::Request& request, std::uint64_t puts,
                                  std::uint64_t removes);
  std::uint64_t commits_before() const;
  void count_outcome(const Result<Sequence>& committed);

  const Seams seams_;
  const Options options_;
  const std::uint64_t instance_;  // marks the StoredValues that are ours
  const RecoveryReport report_;
  const Retention retention_;
  const std::string directory_;
  std::unique_ptr<FileLock> lock_;
  const std::unique_ptr<KeyKeeper> keys_;  // of a store that is encrypted; seams_ refer to it
  const std::unique_ptr<FileCache> cache_;
  const std::unique_ptr<LiveState> live_;
  const std::unique_ptr<InlineExecutor> inline_;  // when there are to be no threads
  WriteBounds bounds_;
  mutable Metrics metrics_;
  ManifestKeeper manifest_;
  SpaceReserve reserve_;
  ExtentStore extents_;
  CommitLog log_;
  Sequencer sequencer_;
  Maintenance maintenance_;
  Reaper reaper_{*this};
  std::atomic<bool> reaps_;  // until somebody else assigns the sequences
  std::atomic<bool> closed_{false};
  // Serves the commits that nobody waits for, from the first one on.
  Mutex serving_mutex_;
  std::thread serving_ TALEA_GUARDED_BY(serving_mutex_);
  std::atomic<bool> is_served_{false};
  // Last: their steps use all of the above.
  std::unique_ptr<Executor::Registration> syncing_;
  std::unique_ptr<Executor::Registration> working_ahead_;
  std::unique_ptr<Executor::Registration> maintaining_;
};

}  // namespace talea
