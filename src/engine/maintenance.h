// Maintenance: what the store does in the background, a step at a time.
//
//   - it takes the keys of a store that was just opened from the runs into the trees
//   - it grows the lookup table, and evicts leaves when memory is short
//   - it compacts: copies what is current out of segments that are mostly garbage
//   - it writes checkpoints: runs with all that changed since the last one, so that the next open
//     replays little, and segments that nothing points into any more can go
//   - it merges runs, so that there are few, and drops past revisions that are not to be kept
//   - it holds space back for a full disk (space_reserve.h), gives it up when it needs it itself,
//   and
//     takes it again when there is room
//
// A checkpoint is the pivot. It cuts the log (CommitLog::begin_checkpoint), writes the rows as of
// that batch to a run, and replaces the manifest, once: the new run, where replay begins, the data
// segments of the compaction before it, and without the segments that are of no more use. Whatever
// stops it before leaves the store as it was, and files that the next open removes.
//
//     compact        checkpoint
//     ─ copy ─ relocate ─┬─ cut ─ write run ─ manifest ─┬─ set runs ─ retire ─>  ... files go
//                        │                              │
//       entries are read in their new places            from here on also after a crash
//
// A retired segment is read by those who found a location before: by readers inside an epoch, and
// by snapshots. Its file is removed and its memory unmapped when both are gone.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "engine/backup.h"
#include "engine/kept_keys.h"
#include "engine/live_state.h"
#include "engine/metrics.h"
#include "engine/seams.h"
#include "engine/sequencer.h"
#include "engine/space_reserve.h"
#include "engine/write_bounds.h"
#include "io/file_cache.h"
#include "log/data_writer.h"
#include "manifest/manifest.h"

namespace talea {

/// Threads: safe. Steps, checkpoint() and compact() wait for one another.
class Maintenance {
 public:
  struct Setup {
    Seams seams;
    std::string directory;
    StoreId store_id{};
    FileCache& cache;
    Options options;
    Retention retention;
    /// A lower one than before: what it does not keep is to go.
    bool is_lowered = false;
  };
  Maintenance(const Setup& setup, ManifestKeeper& manifest, LiveState& live, Sequencer& sequencer,
              SpaceReserve& reserve, WriteBounds& bounds, Metrics& metrics);
  ~Maintenance();

  /// Does what is due, for some tens of milliseconds, or one checkpoint.
  void step() TALEA_EXCLUDES(work_mutex_);
  /// As Engine::checkpoint and Engine::compact.
  Status checkpoint() TALEA_EXCLUDES(work_mutex_);
  Status compact() TALEA_EXCLUDES(work_mutex_);
  /// Ends the log here, as a checkpoint does, and keeps every file that the store has then for as
  /// long as the result lives. Meanwhile files that are of no more use stay on the disk.
  /// `finish_extents`: see ExtentStore::finish_files.
  Result<HeldFiles> hold_files(const std::function<Status()>& finish_extents)
      TALEA_EXCLUDES(work_mutex_);
  /// What is logged from now on goes into another file than what was before.
  Status end_log() TALEA_EXCLUDES(work_mutex_);
  /// Lets what is under way give up, and nothing new begin.
  void stop() { stopping_.store(true); }
  /// After stop(), when no step is under way and nobody writes: spares the next open most of the
  /// replay if that would be long. What stops it only makes the next open longer.
  void checkpoint_for_next_open() TALEA_EXCLUDES(work_mutex_);
  /// Removes the files of what is retired: nobody reads any more.
  void close() TALEA_EXCLUDES(work_mutex_);

  /// Why the last compaction or checkpoint in the background failed; ok when none did.
  Status last_failure() const TALEA_EXCLUDES(failure_mutex_);

  /// Garbage on the disk beyond what Options::live_ratio allows, of segments that a snapshot holds
  /// too. Cost: a look at each segment.
  std::uint64_t garbage_bytes() const;

 private:
  using SegmentPointer = std::shared_ptr<SegmentState>;
  /// Segments that left the manifest together.
  struct Retired {
    std::vector<SegmentPointer> segments;
    std::vector<std::string> files;  // of them, and of runs
    Sequence seen = 0;               // snapshots of this batch and before may look into them
    std::uint64_t epoch = 0;
    bool in_no_tree = false;  // tombstones, the last that pointed there, are purged
  };

  class Caller;

  Status check_running() const;
  Status do_step() TALEA_REQUIRES(work_mutex_);

  // A full disk.
  enum class Room { normal, reserve };
  using Work = Status (Maintenance::*)(Room);
  /// Does `work`; if the disk is full, once more in the room of the reserve.
  Status with_reserve(Work work) TALEA_REQUIRES(work_mutex_);
  void take_reserve();

  bool gives_space_back() const;
  void report_garbage();

  // The trees.
  Status warm_up() TALEA_REQUIRES(work_mutex_);
  Status complete_index() TALEA_REQUIRES(work_mutex_);
  Status keep_within_budget() TALEA_REQUIRES(work_mutex_);

  // Compaction.
  struct Copies;
  std::vector<SegmentPointer> sealed_segments() const;
  bool is_poor(const SegmentState& state) const;
  /// Whether what this names is not the newest data key of the store.
  bool is_old_key(std::uint32_t key_id) const;
  bool any_old_key(const RunSet& runs) const;
  bool is_log_under_old_key() const;
  static constexpr std::uint32_t kMissedNone = UINT32_MAX;
  // Of log and data segments.
  struct Contents {
    std::uint64_t bytes = 0;
    std::uint64_t live_bytes = 0;
    bool any_poor = false;
    bool any_old_key = false;
    std::uint64_t garbage() const { return bytes - std::min(bytes, live_bytes); }
  };
  /// Of those with ids below these.
  Contents contents(std::uint32_t logs_below = kMissedNone,
                    std::uint32_t data_below = kMissedNone) const;
  bool compaction_is_due(std::uint64_t now_ns) const TALEA_REQUIRES(work_mutex_);
  /// The poorest first.
  std::vector<SegmentPointer> choose_victims() const;
  Status compact_now(Room room) TALEA_REQUIRES(work_mutex_);
  /// Copies at most `copied_max` bytes before the first checkpoint.
  Status compact_sealed(std::uint64_t copied_max, bool checkpoints) TALEA_REQUIRES(work_mutex_);
  Status begin_copies(Copies& copies) TALEA_REQUIRES(work_mutex_);
  /// Errors: corruption   all that is intact was copied; also those of a write
  Status copy_live_entries(const SegmentPointer& victim, Copies& copies)
      TALEA_REQUIRES(work_mutex_);
  static std::size_t next_entries(const SegmentState& victim, std::uint64_t& offset,
                                  std::span<LiveState::Move> out, KeptKeys& keys, Status& damage);
  Status copy_wanted(const SegmentState& victim, std::span<LiveState::Move> entries,
                     const History::View& history, Copies& copies) TALEA_REQUIRES(work_mutex_);
  Status copy_entry(const Segment& segment, const LiveState::Move& move, Copies& copies)
      TALEA_REQUIRES(work_mutex_);
  Status finish_copies(Copies& copies) TALEA_REQUIRES(work_mutex_);

  // Checkpoints.
  std::uint64_t bytes_to_replay() const;
  bool checkpoint_is_due() const;
  bool checkpoint_pays() const;
  Status checkpoint_now() TALEA_REQUIRES(work_mutex_);
  Status checkpoint_in(Room) TALEA_REQUIRES(work_mutex_);
  /// `first_log`: log segments from this one on stay.
  bool may_go(const ManifestFile& file, std::uint32_t first_log) const;
  /// Log segments from this one on are kept for readers of changes.
  std::uint32_t first_log_kept() const;
  Result<std::optional<ManifestRun>> write_run(const CommitLog::Boundary& boundary)
      TALEA_REQUIRES(work_mutex_);
  Status switch_runs() TALEA_REQUIRES(work_mutex_);
  /// Goes over to what the manifest names since replaced_ is set, and lets go of what it replaced.
  Status take_over() TALEA_REQUIRES(work_mutex_);
  Status merge_runs() TALEA_REQUIRES(work_mutex_);
  Result<std::unique_ptr<RunFileWriter>> begin_run(std::uint32_t id, std::uint64_t keys_expected);

  // History, in maintenance_history.cc.
  class HistoryMerge;
  bool nothing_changed() const TALEA_REQUIRES(work_mutex_);
  /// Writes what `boundary` says of past revisions, and where those are that were copied.
  Result<std::optional<ManifestRun>> write_history(const CommitLog::Boundary& boundary)
      TALEA_REQUIRES(work_mutex_);
  Result<std::shared_ptr<const RunSet>> open_runs_of(const std::vector<ManifestRun>& newest_first,
                                                     const RunSet& present) const;
  bool is_due_to_give_up(const std::vector<ManifestRun>& newest_first) const
      TALEA_REQUIRES(work_mutex_);
  Status merge_history() TALEA_REQUIRES(work_mutex_);
  Status merge_history_runs(const std::vector<ManifestRun>& merged, bool gives_up)
      TALEA_REQUIRES(work_mutex_);
  Status give_up_history() TALEA_REQUIRES(work_mutex_);
  std::uint64_t history_now() const;
  /// The first batch behind which the log of `manifest` can be cut.
  Sequence first_restorable(const Manifest& manifest) const;

  // Letting go.
  /// Data keys that no file names any more.
  Status drop_keys() TALEA_REQUIRES(work_mutex_);
  void purge_tombstones() TALEA_REQUIRES(work_mutex_);
  void retire(std::vector<SegmentPointer> segments, std::vector<std::string> files)
      TALEA_REQUIRES(work_mutex_);
  bool is_free(const Retired& retired) const;
  void let_go_of_retired() TALEA_REQUIRES(work_mutex_);
  void remove_files(const Retired& retired);

  const Setup setup_;
  ManifestKeeper& manifest_;
  LiveState& live_;
  Sequencer& sequencer_;
  SpaceReserve& reserve_;
  WriteBounds& bounds_;
  Metrics& metrics_;
  const std::uint32_t first_new_id_;  // files from here on were made in this session
  std::atomic<bool> stopping_{false};
  std::atomic<int> callers_{0};  // of checkpoint() and compact()
  std::atomic<int> holds_{0};    // of those who read files that may be retired

  mutable Mutex work_mutex_;
  std::optional<LiveState::Reached> warming_from_ TALEA_GUARDED_BY(work_mutex_);
  std::vector<SegmentPointer> new_data_ TALEA_GUARDED_BY(work_mutex_);  // not yet in the manifest
  SnapshotRegistry::Pin pin_
      TALEA_GUARDED_BY(work_mutex_);  // of a checkpoint that is in no run set
  // By runs that the manifest names and readers do not have yet.
  struct Replaced {
    std::vector<SegmentPointer> segments;
    std::vector<std::string> files;
    std::size_t history_buffers;  // that runs stand for as well
  };
  std::optional<Replaced> replaced_ TALEA_GUARDED_BY(work_mutex_);
  // Where past revisions are that were copied since the last checkpoint.
  std::vector<Location> moved_ TALEA_GUARDED_BY(work_mutex_);
  // The manifest names segments in which nothing is current: past revisions were given up.
  bool gave_up_ TALEA_GUARDED_BY(work_mutex_) = false;
  bool is_to_give_up_ TALEA_GUARDED_BY(work_mutex_) = false;  // whatever is_due_to_give_up() says
  std::uint64_t gave_up_at_ms_ TALEA_GUARDED_BY(work_mutex_) = 0;
  // The last time that was done: the run that was left, and the checkpoint it went by.
  struct GivenUp {
    std::uint32_t run = 0;
    Sequence checkpointed = 0;
  };
  std::optional<GivenUp> given_up_ TALEA_GUARDED_BY(work_mutex_);
  std::uint64_t given_up_live_bytes_ TALEA_GUARDED_BY(work_mutex_) = 0;  // then, or at the open
  /// All of this batch, and before, survives a power cut.
  Sequence checkpointed_ TALEA_GUARDED_BY(work_mutex_) = 0;
  std::vector<Retired> retired_ TALEA_GUARDED_BY(work_mutex_);
  std::uint64_t compacted_at_ns_ TALEA_GUARDED_BY(work_mutex_) = 0;
  // Of the last compaction: what it left, and where what came meanwhile begins.
  std::uint64_t garbage_left_ TALEA_GUARDED_BY(work_mutex_) = 0;
  LiveState::Recall recalled_ TALEA_GUARDED_BY(work_mutex_);
  std::uint32_t first_log_it_missed_ TALEA_GUARDED_BY(work_mutex_) = kMissedNone;
  std::uint32_t first_data_it_missed_ TALEA_GUARDED_BY(work_mutex_) = kMissedNone;
  std::uint64_t retry_at_ns_ TALEA_GUARDED_BY(work_mutex_) = 0;

  mutable Mutex failure_mutex_;
  Status last_failure_ TALEA_GUARDED_BY(failure_mutex_);
};

}  // namespace talea
