// LogFiles: the life of log segments before and after the time in which they are filled. It makes
// them and lists them in the manifest, and finishes those that are full: sealed there, and cut.
//
// Both cost syncs, so both are the work of a thread in the background, if it comes in time: the
// next segment is prepared while the present one is being filled, and that one is finished after
// writing has gone on. What is not ready when it is needed the writer does itself.
//
//     active A          active A, prepared B          retired A, active B          active B
//       --- work_ahead() ---->    --- take_prepared() --->   --- work_ahead() ---->
//
// At most two are open at any time, as docs/formats/manifest.md has it, and the second gets a
// record only after the last good one of the first: docs/formats/log.md, "follows".
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "engine/live_state.h"
#include "engine/metrics.h"
#include "engine/seams.h"
#include "log/segment_writer.h"
#include "manifest/manifest.h"
#include "talea/engine.h"

namespace talea {

/// Threads: safe. What the writer calls is called by one thread at a time.
/// Its mutex is held during I/O; whoever waits for it needs what is being done.
class LogFiles {
 public:
  struct Setup {
    Seams seams;
    std::string directory;
    StoreId store_id{};
    FileCache& cache;  // sealed segments are read through it
    std::uint64_t segment_bytes = 0;
    SyncMode sync = SyncMode::always;
  };
  LogFiles(Setup setup, ManifestKeeper& manifest, LiveState& live, Metrics& metrics);

  /// What the next record needs: room for so many bytes in a segment whose header promises no
  /// later sequence and time than it will have.
  struct Need {
    std::uint64_t record_bytes = 0;
    Sequence sequence = 0;
    std::uint64_t now = 0;
    /// Two segments will be open: the first record must say which one it follows.
    bool is_ahead = false;
  };

  /// A segment that gets no more records. Without a writer: none.
  struct Full {
    std::shared_ptr<SegmentWriter> writer;
    SegmentFill fill;
    std::uint64_t last_now = 0;
    bool is_durable = false;
    /// Beyond `fill` its file may hold what a failed write left.
    bool is_failed = false;
  };

  // --- For the writer ----------------------------------------------------------------------------

  /// The prepared segment, in place of `full`, which is finished later; null when there is none
  /// with the room needed and, with `above`, an id above that. Waits for what is being prepared.
  std::shared_ptr<SegmentWriter> take_prepared(const Full& full, std::uint64_t record_bytes,
                                               std::uint32_t above = 0);
  /// A new segment, in place of `full`; all that was written is durable.
  /// Errors: exhausted, denied, io_error; `full` is finished by the next call of any kind
  Result<std::shared_ptr<SegmentWriter>> make(const Full& full, const Need& need);
  /// Finishes `full`, and all before it; all that was written is durable. What is prepared goes,
  /// too, with `is_last`. Errors: as make()
  Status finish(const Full& full, bool is_last);

  // --- For any thread ----------------------------------------------------------------------------

  /// Prepares, finishes, and takes space: what there is to do now. What fails is left to the
  /// writer, but for failure().
  void work_ahead(const Need& next);
  /// An id that is above those of all segments so far and below that of the one which is prepared
  /// now, if there is an active one that it will follow. Errors: as make()
  Result<std::uint32_t> prepare_above_new_id(const Need& next);
  /// Finishes all that the writer has left behind. Errors: as make()
  Status finish_retired();

  /// Acknowledged writes may be lost: a segment could not be synced. Ok while all is well.
  Status failure() const TALEA_EXCLUDES(mutex_);

 private:
  std::uint64_t bytes_planned_for(std::uint64_t record_bytes) const;
  Result<std::unique_ptr<SegmentWriter>> create(const Need& need) TALEA_REQUIRES(mutex_);
  // Makes sure that made_ has the room, but does not list it.
  Status make_one(const Need& need) TALEA_REQUIRES(mutex_);
  void forget_made() TALEA_REQUIRES(mutex_);
  Status sync_retired() TALEA_REQUIRES(mutex_);
  // One replacement of the manifest: all that is retired is sealed; what is prepared goes, if so
  // asked; and made_ comes, if so asked.
  struct Listing {
    bool drops_prepared = false;
    bool adds_made = false;
  };
  Status replace(const Listing& listing) TALEA_REQUIRES(mutex_);
  void seal_in(Manifest& manifest, const Full& full) const;
  void give_back(const Full& full);
  bool should_prepare() const TALEA_REQUIRES(mutex_);
  void retire(const Full& full) TALEA_REQUIRES(mutex_);
  void remove_file(const SegmentWriter& writer);

  const Setup setup_;
  ManifestKeeper& manifest_;
  LiveState& live_;
  Metrics& metrics_;

  mutable Mutex mutex_;
  std::shared_ptr<SegmentWriter> active_ TALEA_GUARDED_BY(mutex_);
  std::shared_ptr<SegmentWriter> prepared_ TALEA_GUARDED_BY(mutex_);  // listed, and empty
  std::unique_ptr<SegmentWriter> made_ TALEA_GUARDED_BY(mutex_);      // not listed
  bool is_made_named_ TALEA_GUARDED_BY(mutex_) = false;  // by a manifest that was refused, perhaps
  std::vector<std::shared_ptr<SegmentWriter>> dropped_
      TALEA_GUARDED_BY(mutex_);                         // to be unnamed, then removed
  std::vector<Full> retired_ TALEA_GUARDED_BY(mutex_);  // not sealed yet
  // The background tries again what failed only after the writer did, or each step would fail.
  bool gave_up_ TALEA_GUARDED_BY(mutex_) = false;
  Status failure_ TALEA_GUARDED_BY(mutex_);
  std::atomic<bool> failed_{false};
};

}  // namespace talea
