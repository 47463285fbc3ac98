// CommitLog: puts batches into log segments, in sequence order, and makes them durable.
//
// It fills the one segment that is active, which LogFiles makes and finishes, and knows everything
// that can go wrong with it. The rule for failure: what was acknowledged stays; what was not is
// undone by sealing the segment, in the manifest, at the end of the last good batch, so that a
// failed write is a *rejected* one. Only when the disk refuses that too is the outcome unknown, and
// then nothing more is written.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/live_state.h"
#include "engine/log_files.h"
#include "engine/metrics.h"
#include "log/record.h"
#include "talea/engine.h"

namespace talea {

/// A batch that has its sequence and waits for its place.
struct PendingBatch {
  const EncodedBatch* encoded = nullptr;
  std::span<const EntrySource> entries;
  /// One for each entry; null unless the entry is a large value. Empty when none is.
  std::span<const ExtentList* const> extents;
  Sequence sequence = 0;
  std::uint64_t now = 0;
};

/// Threads: externally synchronised (the sequencer's leader), but for what says otherwise.
class CommitLog {
 public:
  struct Setup {
    LogFiles::Setup files;
    /// Where the log ends: all of it is durable.
    Sequence last_sequence = 0;
    std::uint64_t last_now = 0;
  };
  CommitLog(const Setup& setup, ManifestKeeper& manifest, LiveState& live, Metrics& metrics);

  struct Outcome {
    /// batches[0 .. committed) are in the log, durable as the mode says, and published.
    std::size_t committed = 0;
    /// Why the rest is not; ok when there is no rest.
    Status status;
  };
  /// Writes a group of batches, in order, and publishes them. With `sync`, or SyncMode::always,
  /// they are durable before they are published.
  Outcome write(std::span<const PendingBatch> batches, bool sync);

  /// Makes durable all that was written.
  /// Errors: io_error   what was acknowledged may be lost; the log is broken
  Status sync();

  /// The same in two halves, so that others may write while the disk works: what is to become
  /// durable, and what became of it. In between, SyncPoint::sync() is called by one thread.
  struct SyncPoint {
    std::shared_ptr<SegmentWriter> before;  // the segment before the active one; or null
    std::shared_ptr<SegmentWriter> writer;  // null: all is durable
    Sequence through = 0;
    Status sync() const;
  };
  SyncPoint begin_sync() const;
  Status end_sync(const SyncPoint& point, const Status& synced);

  /// Where a checkpoint cuts the store: all batches up to the pin are in segments with ids below
  /// `id`, and all later ones will be in segments above it.
  struct Boundary {
    SnapshotRegistry::Pin pin;
    std::uint32_t id = 0;  // of no file yet: the checkpoint's run gets it
    std::uint64_t keys = 0;
    std::size_t history_buffers = 0;  // of past revisions as of the pin
    absl::flat_hash_map<std::uint32_t, std::uint64_t> live_bytes;  // by segment
  };
  /// The three parts of a cut. Before it, from any thread: makes the segment that comes after it.
  /// Then the cut itself, which waits for the disk only if that segment was used meanwhile. Behind
  /// it, from any thread: seals what lies before the cut.
  /// Errors: as sync(), or the manifest's
  Result<std::uint32_t> prepare_cut() { return files_.prepare_above_new_id(position()); }
  Result<Boundary> cut(std::uint32_t prepared_above);
  Status finish_cut() { return files_.finish_retired(); }

  /// Does what can be done before a writer has to wait for it. Any thread.
  void work_ahead() { files_.work_ahead(position()); }

  /// Syncs and seals. Errors: as sync(), or the manifest's
  Status close();

  /// `now` of the last batch that is written. Any thread.
  std::uint64_t last_now() const { return last_now_.load(std::memory_order_relaxed); }

  /// Why nothing more can be written; ok while all is well.
  const Status& broken() const { return broken_; }
  Sequence durable_sequence() const { return durable_.load(std::memory_order_relaxed); }

 private:
  // Appends as many of `batches` as fit into the active segment; `count` says how many.
  Status append(std::span<const PendingBatch> batches, std::size_t& count);
  bool fits(const PendingBatch& batch, std::uint64_t at) const;
  Status ensure_active(const PendingBatch& first);
  void activate(std::shared_ptr<SegmentWriter> writer);
  // The active segment, if nothing more is to be written to it.
  LogFiles::Full full() const;
  // What a segment that is prepared now will need.
  LogFiles::Need position() const;
  Status break_log(const Status& cause);
  // An append (or the sync after it) to the active segment failed with `failure`: undoes what the
  // segment may hold beyond the last good batch. Returns what the writers are told.
  enum class Failed { append, sync };
  Status abandon(Failed what, Status failure);
  Status seal_abandoned();
  void publish(std::span<const PendingBatch> batches);
  // What is written goes beyond what is durable.
  bool is_unsynced() const { return last_sequence_ > durable_sequence(); }

  const SyncMode sync_mode_;
  LiveState& live_;
  Metrics& metrics_;
  LogFiles files_;

  std::shared_ptr<SegmentWriter> before_;  // of the segment before, while that may not be durable
  Sequence before_last_ = 0;               // its last sequence
  std::shared_ptr<SegmentWriter> writer_;  // null: the next batch begins a new segment
  SegmentState* active_ = nullptr;         // of writer_
  SegmentFill good_;                       // what of the active segment is written and good
  std::atomic<Sequence> last_sequence_;    // of the last good batch, in whatever segment
  std::atomic<std::uint64_t> last_now_;    // of the same
  Sequence announced_ = 0;                 // the last synced_through that was written
  std::atomic<Sequence> durable_;
  Status broken_;

  // Of the group being written; kept for their capacity.
  std::vector<EntryExtent> places_;
  std::vector<LiveState::Change> changes_;
};

}  // namespace talea
