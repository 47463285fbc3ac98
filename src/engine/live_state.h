// LiveState: what readers see. The index, the segments it points into, and how much of each
// segment is still of use.
//
// Batches become visible here, whole, in the order of their sequences, and only after they are as
// durable as the sync mode promises.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "index/ordered_index.h"
#include "log/extent.h"
#include "log/segment.h"
#include "talea/engine.h"

namespace talea {

/// How far a segment is filled.
struct SegmentFill {
  std::uint64_t end = kSegmentHeaderBytes;
  std::uint64_t entries = 0;  // or chunks
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
};

/// Threads: safe; publish() by one thread at a time.
class LiveState {
 public:
  /// One operation of a batch, where it lies now.
  struct Change {
    Space space = Space::user;
    BytesView key;
    bool is_remove = false;
    Location location;
    const ExtentList* extents = nullptr;  // of a large value
  };

  /// A current entry, and the segment that holds it.
  struct Found {
    Location location;
    std::shared_ptr<const Segment> segment;

    EntryExtent place() const { return {location.offset, location.bytes}; }
  };

  /// A row of a scan.
  struct FoundRow {
    Bytes key;
    Found found;
  };

  struct SegmentState {
    std::shared_ptr<const Segment> segment;
    std::uint64_t live_bytes = 0;
    SegmentFill fill;
  };

  void add_segment(std::shared_ptr<const Segment> segment, const SegmentFill& fill = {})
      TALEA_EXCLUDES(mutex_);
  /// Another way to read a segment that is there.
  void replace_segment(std::shared_ptr<const Segment> segment) TALEA_EXCLUDES(mutex_);
  /// Forgets a segment that no key points into.
  void remove_segment(std::uint32_t segment) TALEA_EXCLUDES(mutex_);
  void set_fill(std::uint32_t segment, const SegmentFill& fill) TALEA_EXCLUDES(mutex_);
  /// Makes `changes`, all in `segment`, visible at once.
  void publish(std::span<const Change> changes, std::uint32_t segment, const SegmentFill& fill)
      TALEA_EXCLUDES(mutex_);

  std::optional<Found> find(Space space, BytesView key) const TALEA_EXCLUDES(mutex_);
  /// Up to `count` rows at or after `from` (behind it, unless `inclusive`).
  std::vector<FoundRow> rows_after(Space space, BytesView from, bool inclusive,
                                   std::size_t count) const TALEA_EXCLUDES(mutex_);
  /// Up to `count` rows before `before` (the last ones, if absent), in descending order.
  std::vector<FoundRow> rows_before(Space space, std::optional<BytesView> before,
                                    std::size_t count) const TALEA_EXCLUDES(mutex_);
  /// Null when no such segment is open.
  std::shared_ptr<const Segment> segment(std::uint32_t id) const TALEA_EXCLUDES(mutex_);

  std::uint64_t keys() const TALEA_EXCLUDES(mutex_);
  std::uint64_t live_bytes() const TALEA_EXCLUDES(mutex_);
  /// All segments, by id.
  std::vector<SegmentState> segments() const TALEA_EXCLUDES(mutex_);

  /// Calls `visit(const ExtentList&)` for every large value that is current.
  template <typename Visit>
  void for_each_extent_list(Visit visit) const TALEA_EXCLUDES(mutex_) {
    ReadLock lock(mutex_);
    for (const auto& [place, list] : extents_) visit(list);
  }

 private:
  Found found(const Location& location) const TALEA_REQUIRES_SHARED(mutex_);
  void account(const Change& change) TALEA_REQUIRES(mutex_);
  void discount(const Location& old) TALEA_REQUIRES(mutex_);

  mutable SharedMutex mutex_;
  OrderedIndex index_ TALEA_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::uint32_t, SegmentState> segments_ TALEA_GUARDED_BY(mutex_);
  // The extent lists of current large values, by the place of their entry (segment, offset). They
  // are few; without them every overwrite would have to read what it replaces.
  absl::flat_hash_map<std::uint64_t, ExtentList> extents_ TALEA_GUARDED_BY(mutex_);
  // How many entries refer to a value, by its id: a StoredValue may be put under several keys.
  absl::flat_hash_map<std::uint64_t, std::uint64_t> references_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
