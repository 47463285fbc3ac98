// ChangedRows: what a checkpoint writes, the rows of the index that changed since the last one.
//
// There are two ways to the same rows, in the same order, and the cheaper one is taken:
//
//     by keys      walk through all trees, pass over what lies below the last checkpoint
//                                                                  0.13 us for each key there is
//     by entries   read the segments since then, keep the entries that the trees point to,
//                  sort them by key                               0.4 us for each entry in them
//
// So a checkpoint of a store of ten million keys costs what was written, and one of a small store
// that was written over and over costs what is there.
//
// Going by entries reads also those that nobody needs any more. If one of these is damaged that is
// no loss, so damage is never reported on this way: the walk by keys decides.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "engine/kept_keys.h"
#include "engine/live_state.h"

namespace talea {

/// Threads: externally synchronised; nobody relocates entries meanwhile, nor evicts leaves.
class ChangedRows {
 public:
  struct Setup {
    const LiveState& live;
    /// The batch that the checkpoint is of; pinned.
    Sequence at = 0;
    /// Segments below `from` are in runs. Log segments from `to` on are younger than `at`.
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    /// What going by entries may take: 32 bytes for each.
    std::uint64_t memory_bytes_max = UINT64_MAX;
    /// Asked now and then; what it fails with ends the walk.
    std::function<Status()> check_running;
  };
  explicit ChangedRows(const Setup& setup);

  /// Entries in the segments since the last checkpoint: no row is in none of them.
  std::uint64_t entries() const { return entries_; }

  /// Calls `visit` for the entry or tombstone as of `at` of every key that changed, in the order of
  /// (space, key). It is intact.
  /// Errors: corruption, cancelled, and those of `visit`
  Status visit(const LiveState::VisitEntry& visit);

  // What visit() chooses from.
  Status visit_by_keys(const LiveState::VisitEntry& visit);
  /// Errors: also corruption for damage that may be of no consequence, before the first visit
  Status visit_by_entries(const LiveState::VisitEntry& visit);

 private:
  struct Row {
    std::uint64_t order = 0;  // of the key's bytes behind what all have in common
    BytesView key;
    Location location = 0;
  };
  struct SpaceRows {
    Space space;
    std::vector<Row> rows;
  };

  bool pays_to_go_by_entries() const;
  Status collect();
  Status collect_from(const Segment& segment, std::uint64_t end);
  Status keep_changed(std::span<const LiveState::Move> entries, bool are_copied);
  std::vector<Row>& rows_of(Space space);
  void sort();
  Status visit_row(const Row& row, const LiveState::VisitEntry& visit) const;

  const Setup setup_;
  std::vector<std::shared_ptr<SegmentState>> segments_;  // held: rows are views of them
  std::uint64_t entries_ = 0;
  std::vector<SpaceRows> spaces_;
  KeptKeys keys_;  // of these
};

}  // namespace talea
