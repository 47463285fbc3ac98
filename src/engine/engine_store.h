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
#include "engine/seams.h"
#include "engine/sequencer.h"
#include "engine/space_reserve.h"
#include "engine/write_bounds.h"
#include "store/store.h"

namespace talea {

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
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override;
  Result<bool> apply(Sequence sequence, const Batch& batch) override;
  Status commit_async(Batch batch, Completion done);

  Result<std::optional<Versioned>> get(Space space, BytesView key) override;
  Result<std::optional<Bytes>> get_value(Space space, BytesView key);
  Result<bool> get_into(Space space, BytesView key, Bytes& value);
  Status multi_get(Space space, std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values);
  Result<Scan> scan(Space space, const ScanRange& range) override;
  Result<std::unique_ptr<StateReader>> read_state() override;
  Result<Snapshot> snapshot();
  Result<ValueWriter> write_value();
  Result<std::optional<ValueReader>> read_value(Space space, BytesView key);

  Status sync();
  Status compact();
  Status checkpoint();
  /// One step of what the background does.
  void maintain() { maintenance_.step(); }
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
  friend class EngineStateReader;

  EngineStore(const Seams& seams, const std::string& path, const Options& options,
              const WriteBounds::Limits& bounds, OpenedDirectory opened);

  friend struct Snapshot::State;

  Status begin_background_work();
  // Where a read looks: at the newest entries, or at those of a pinned batch.
  using AsOf = std::optional<Sequence>;
  // Finds and checks the entry of a key; false when there is none.
  Result<bool> find(const EpochGuard& guard, Space space, BytesView key, AsOf as_of,
                    LiveState::Found& out) const;
  Result<bool> get_into(Space space, BytesView key, AsOf as_of, Bytes& value) const;
  Result<std::optional<Versioned>> get_versioned(Space space, BytesView key, AsOf as_of) const;
  Result<Scan> scan(Space space, const ScanRange& range, SnapshotRegistry::Pin pin) const;
  std::unique_ptr<Scan::State> make_scan(Space space, const ScanRange& range,
                                         SnapshotRegistry::Pin pin, VerifyReads verify) const;
  // The value of an entry, whole; an extent list is followed.
  Status copy_value(const LiveState::Found& found, Bytes& value) const;
  Result<ValueReader> make_reader(const LiveState::Found& found) const;

  // A batch as the sequencer takes it. Refers to the batch, and to itself: stays where it is made.
  struct PreparedBatch {
    std::vector<EntrySource> entries;
    std::vector<ExtentList> lists;
    std::vector<Bytes> encoded_lists;
    std::vector<const ExtentList*> extents;
    EncodedBatch encoded;
    std::uint64_t puts = 0;

    std::uint64_t removes() const { return entries.size() - puts; }
    Sequencer::Request request(const Batch& batch) const;
  };
  class AsyncCommit;

  Status begin_serving();
  void end_serving();
  // Stores the large values, and encodes the rest.
  Status prepare(const Batch& batch, PreparedBatch& prepared);
  Result<Sequence> write(const Batch& batch, std::optional<Sequence> sequence,
                         FailedPrecondition* failed);
  Status check_may_put(const Batch& batch);
  // For when a bound is reached: waits, helps, and refuses what would go further beyond it.
  Status wait_within_bounds(bool puts);
  Status bound_refusal() const;
  Result<Sequence> write_one(const EntrySource& entry);
  Result<ExtentList> store_value(BytesView value);
  Result<Sequence> commit_promoted(const Sequencer::Request& request);
  Result<Sequence> commit_encoded(const Sequencer::Request& request, std::uint64_t puts,
                                  std::uint64_t removes);
  std::uint64_t commits_before() const;
  void count_outcome(const Result<Sequence>& committed);

  const Seams seams_;
  const Options options_;
  const std::uint64_t instance_;  // marks the StoredValues that are ours
  const RecoveryReport report_;
  std::unique_ptr<FileLock> lock_;
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
