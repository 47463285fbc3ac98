// LiveState: what readers see. For each space a radix tree from key to location, in front of them
// all a lossy table, the segments that locations point into, and what snapshots need of the past.
//
//     get   table ── hit ──────────────────────> entry in its segment
//             └─ miss: tree of the space ──────> entry in its segment
//     scan         tree of the space, from row to row ──> entries
//
// Batches become visible here in the order of their sequences, and only after they are as durable
// as the sync mode promises. Readers take no lock. One that reads the newest sees of each key its
// newest entry; one with a snapshot passes over what is younger: the trees hold the newest location
// only, and the older ones are in the undo list until no snapshot needs them (undo_list.h). So that
// a scan meets a key which was removed after its snapshot, the tree keeps the location of the
// remove entry, a *tombstone*, for as long.
//
// Runs. What a checkpoint has written of the index is in runs (index/run_set.h), and a store that
// opens reads no more than their headers. Until its keys are in the trees the index is
// *incomplete*: who misses a key there asks the runs. A key that is in a tree is newer than the
// runs, or the same; so a writer *promotes* a key, takes it from the runs into its tree, before it
// changes it, and a scan promotes the range that it is about to read. Leaves that the runs have as
// well may be *evicted* when memory is short. A tombstone stays in its tree until a run has it.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/epoch.h"
#include "base/mutex.h"
#include "engine/history.h"
#include "engine/history_rows.h"
#include "engine/location.h"
#include "engine/segment_table.h"
#include "engine/snapshot_registry.h"
#include "engine/undo_list.h"
#include "index/lookup_table.h"
#include "index/radix_tree.h"
#include "index/run_set.h"
#include "log/extent.h"
#include "talea/engine.h"

namespace talea {

/// Threads: safe. What changes the index takes a lock; readers take none.
class LiveState final : private KeySource {
 public:
  /// One operation of a batch, where it lies now.
  struct Change {
    Space space = Space::user;
    BytesView key;
    bool is_remove = false;
    EntryExtent place{};
    const ExtentList* extents = nullptr;  // of a large value
  };

  /// An entry, where it lies. Its views are good for as long as the guard or the snapshot under
  /// which it was found; those of one that was sealed, for as long as this is there and gets no
  /// other.
  struct Found {
    const SegmentState* state = nullptr;
    std::uint32_t offset = 0;
    StoredEntry entry;

    const Segment& segment() const { return *state->segment; }
    Sequence sequence() const { return segment().sequence_at(offset, entry); }
    /// As a run says it.
    RunRevision row() const;
    bool is_intact(VerifyReads verify) const {
      const bool is_entry = entry.bytes != 0;
      return is_entry && segment().is_intact(offset, entry, verify);
    }
    Status corruption() const {
      return segment().corruption_at(offset, "the check of an entry does not match");
    }
    /// Errors: corruption
    Status check(VerifyReads verify) const {
      if (is_intact(verify)) [[likely]]
        return {};
      return corruption();
    }
  };

  LiveState();
  ~LiveState() override;
  LiveState(const LiveState&) = delete;
  LiveState& operator=(const LiveState&) = delete;

  // --- Segments ----------------------------------------------------------------------------------

  SegmentState& add_segment(std::shared_ptr<const Segment> segment, const SegmentFill& fill = {}) {
    return segments_.add(std::move(segment), fill);
  }
  /// Forgets a segment that no key points into.
  void remove_segment(std::uint32_t id) { (void)segments_.remove(id); }
  std::shared_ptr<SegmentState> share(std::uint32_t id) const { return segments_.share(id); }
  /// Null when no such segment is open.
  std::shared_ptr<const Segment> segment(std::uint32_t id) const;
  std::vector<std::shared_ptr<SegmentState>> segments() const { return segments_.all(); }

  // --- Writing -----------------------------------------------------------------------------------

  /// Makes `changes`, which lie in `segment`, visible; all are of batch `sequence`. Snapshots see
  /// none of them before all.
  void publish(std::span<const Change> changes, SegmentState& segment, Sequence sequence)
      TALEA_EXCLUDES(index_mutex_);
  /// For whoever is about to write a change of `key`, and does something else first: asks for the
  /// memory that publish() needs to find what it replaces. Both are of use one after the other, a
  /// cache miss apart. Cost: some nanoseconds.
  void prefetch_bucket(Space space, BytesView key) const;
  void prefetch_replaced(Space space, BytesView key) const;
  /// The same for up to kMovedAtOnce changes, most of one space, all at once.
  void prefetch(std::span<const Change> changes) const;
  /// What is published is all there is through `sequence`: for replay, whose log may have gaps.
  void set_published(Sequence sequence) { published_.store(sequence); }

  // --- Runs --------------------------------------------------------------------------------------

  /// The runs are these from now on. Locations in segments below `boundary` are in them as they are
  /// in the trees. `complete`: every key of theirs is in a tree.
  void set_runs(std::shared_ptr<const RunSet> runs, std::uint32_t boundary, bool complete)
      TALEA_EXCLUDES(index_mutex_, runs_mutex_);
  std::shared_ptr<const RunSet> runs() const TALEA_EXCLUDES(runs_mutex_);
  std::uint32_t boundary() const { return boundary_.load(std::memory_order_relaxed); }
  bool is_complete() const { return complete_.load(std::memory_order_acquire); }
  /// For opening: how many keys the checkpoint had.
  void set_keys(std::uint64_t keys) { keys_.store(keys, std::memory_order_relaxed); }

  /// Takes a key from the runs into its tree, if it is not there. Nothing when all are.
  /// Cost: a look at a filter for a new key; some microseconds for one that is in the runs.
  /// Errors: corruption, io_error
  Status promote(Space space, BytesView key) TALEA_EXCLUDES(index_mutex_);
  /// The same for up to `rows_max` keys from `from` on, in the order of (space, key). Returns the
  /// key up to which all are in their trees; nothing when the end of the runs was reached.
  struct Reached {
    Space space = Space::user;
    Bytes key;
  };
  Result<std::optional<Reached>> promote_from(Space space, BytesView from, bool inclusive,
                                              std::size_t rows_max) TALEA_EXCLUDES(index_mutex_);
  /// Downwards from below `before` (or the end of the space), within the space.
  Result<std::optional<Bytes>> promote_before(Space space, std::optional<BytesView> before,
                                              std::size_t rows_max) TALEA_EXCLUDES(index_mutex_);
  /// Every key of the runs was promoted, and none evicted since.
  void set_complete() TALEA_EXCLUDES(index_mutex_);
  /// Large values were replaced while it was incomplete, and count as live until set_complete().
  bool has_unreleased() const TALEA_EXCLUDES(index_mutex_) {
    PatientLock lock(index_mutex_);
    return !unreleased_.empty();
  }
  /// Held, shared, by whoever relies on what was promoted staying in its tree, from before the
  /// promotion on. To be held whenever may_be_incomplete().
  SharedMutex& eviction_mutex() const TALEA_RETURN_CAPABILITY(eviction_mutex_) {
    return eviction_mutex_;
  }
  bool may_be_incomplete() const {
    return evicts_.load(std::memory_order_relaxed) || !is_complete();
  }
  /// Before the first evict(), and before the store is used.
  void allow_eviction() { evicts_.store(true, std::memory_order_relaxed); }
  /// Takes leaves that the runs have as well out of the tree of users, `rows_max` at a time, going
  /// round. Returns how many.
  std::size_t evict(std::size_t rows_max) TALEA_EXCLUDES(index_mutex_, eviction_mutex_);
  /// As find() or find_at(), among keys that no tree has. What is found is promoted soon.
  /// Errors: corruption, io_error
  Result<bool> find_cold(const EpochGuard& guard, Space space, BytesView key,
                         std::optional<Sequence> at, Found& out) const;
  /// Promotes what find_cold() found.
  Status promote_found() TALEA_EXCLUDES(index_mutex_);

  // --- History -----------------------------------------------------------------------------------
  //
  // In live_state_history.cc; see history.h.

  /// An entry that was copied, or may be: the views are of the one at `from`.
  struct Move {
    Space space = Space::user;
    BytesView key;
    Location from = 0;
    EntryExtent to{};
    bool is_in_history_run = false;  // a past revision, and not in a buffer
  };

  History& history() { return history_; }
  const History& history() const { return history_; }
  /// Whether past revisions of keys of this space are kept.
  bool keeps_history_of(Space space) const;
  /// What is published from now on goes into a new buffer; by the leader, between batches.
  std::size_t cut_history() TALEA_EXCLUDES(index_mutex_);

  /// What a key was at a moment.
  enum class Past : std::uint8_t {
    found,
    absent,
    unknown,  // revisions of then were given up, or never kept
  };
  /// The revision that `limit` asks for. `limit.sequence_max`: at most what is published.
  /// Errors: corruption, io_error
  Result<Past> find_past(const EpochGuard& guard, Space space, BytesView key,
                         const RevisionLimit& limit, Found& out) const;
  /// All revisions of a key that are kept, below `before`, newest first, at most `max`.
  /// Errors: corruption, io_error
  Result<std::vector<Revision>> list_revisions(const EpochGuard& guard, Space space, BytesView key,
                                               Sequence before, std::uint64_t max) const;
  /// The newest of a key, published or not, a tombstone too; false when none is known.
  /// Errors: corruption, io_error
  Result<bool> find_newest(const EpochGuard& guard, Space space, BytesView key, Found& out) const;
  /// The entry that a row of a history run is about, which is no tombstone. Errors: corruption
  Result<Found> entry_of_row(Space space, BytesView key, const RunRevision& row) const;
  /// For each entry of a segment, whether it is a past revision that is kept, and where that is
  /// said: so that compaction copies it. Errors: corruption, io_error
  enum class Kept : std::uint8_t { no, in_buffer, in_run };
  Result<Kept> is_kept(const History::View& view, const Move& entry) const;
  /// Past revisions that are not kept any more: what they took is garbage. `large`: those of them
  /// that refer to large values.
  void give_up(const absl::flat_hash_map<std::uint32_t, std::uint64_t>& bytes_by_segment,
               std::span<const ExtentList> large) TALEA_EXCLUDES(index_mutex_);
  /// Adds, by segment, what give_up() of `large` would make garbage. The index is complete.
  void add_bytes_of_values(std::span<const ExtentList> large,
                           absl::flat_hash_map<std::uint32_t, std::uint64_t>& bytes_by_segment)
      TALEA_EXCLUDES(index_mutex_);
  /// For opening: a past revision refers to a large value.
  void add_reference(const ExtentList& list) TALEA_EXCLUDES(index_mutex_) {
    PatientLock lock(index_mutex_);
    ++references_[list.value_id];
  }

  // --- Checkpoints and compaction ----------------------------------------------------------------

  /// Calls `visit` for the entry or tombstone as of batch `at`, which is pinned, of every key whose
  /// newest lies in segment `boundary` or above: what is below is not looked at. In the order of
  /// (space, key), from `from` on and up to `rows_max` keys; returns where to go on.
  /// Errors: corruption, and those of `visit`
  using VisitEntry = std::function<Status(const Found&)>;
  Result<std::optional<Reached>> visit_rows(const Reached& from, Sequence at,
                                            std::uint32_t boundary, std::size_t rows_max,
                                            const VisitEntry& visit) const;
  /// How many entries the next three take at once: their cache misses overlap.
  static constexpr std::size_t kMovedAtOnce = 16;
  /// Whether a tree has this very location, of each.
  void are_current(std::span<const Move> entries, std::span<bool> current) const;
  /// Whether each entry, which is intact, or each tombstone, is what its key has as of batch `at`,
  /// which is pinned.
  /// Errors: corruption   that is not known: what stands in its place is damaged
  Status are_seen_at(Sequence at, std::span<const Move> entries, std::span<bool> seen) const;
  /// Keys and tombstones in all trees.
  std::uint64_t leaves() const TALEA_EXCLUDES(index_mutex_);
  /// They were copied into `segment`: each is where it is now, unless it was replaced meanwhile.
  /// Past revisions in history runs are not changed there: those are added to `moved`.
  void relocate(std::span<const Move> copies, SegmentState& segment, std::vector<Location>& moved)
      TALEA_EXCLUDES(index_mutex_);
  /// The spaces that ever had a key here, ascending.
  std::vector<Space> spaces() const TALEA_EXCLUDES(index_mutex_);
  bool has_space(Space space) const { return index_of(space) != nullptr; }
  /// How many tombstones stay in their trees because of the runs, at most.
  std::size_t tombstones() const TALEA_EXCLUDES(index_mutex_) {
    PatientLock lock(index_mutex_);
    return tombstones_.size();
  }
  /// Gives up what snapshots that are closed needed, some of it. False when that was all.
  bool prune_some() TALEA_EXCLUDES(index_mutex_) {
    PatientLock lock(index_mutex_);
    return prune();
  }
  /// Looks at the next `count` tombstones, going round, and lets go of those that the runs have and
  /// no snapshot needs. Cost: of each tombstone a search of its tree.
  void purge_tombstones(std::size_t count) TALEA_EXCLUDES(index_mutex_);
  /// No snapshot is before `sequence`, and none will be, whatever a pin that is just being taken
  /// looks like: what only such a one would need may go.
  void raise_floor(Sequence sequence) TALEA_EXCLUDES(index_mutex_);
  /// The lowest batch that a snapshot sees; SnapshotRegistry::kNone when there is none.
  Sequence oldest_snapshot() const { return snapshots_.oldest(); }

  /// How far recall_forgotten() has come; for who calls it to keep.
  struct Recall {
    std::uint64_t growths = 0;
    std::optional<Bytes> from;  // none: at the end
  };
  /// The lookup table forgets some entries in a hundred as it fills, and one that has grown begins
  /// with what the smaller one knew. Looks at the next 256 entries of the tree, tells the table of
  /// those that it does not know, and says how many; nothing when all were looked at since it grew.
  /// Cost: some tens of microseconds, a tenth of it while writers wait.
  std::optional<std::size_t> recall_forgotten(Recall& at) TALEA_EXCLUDES(index_mutex_);
  /// Gives up what snapshots that are closed needed, up to some hundred thousand changes of it, and
  /// tables that were outgrown.
  void collect() TALEA_EXCLUDES(index_mutex_);
  /// Goes on with a growth of the lookup table where no writes do, and begins one for keys that did
  /// not come by writes. False when none is under way.
  /// Cost: some fifty microseconds.
  bool go_on_growing() TALEA_EXCLUDES(index_mutex_);
  /// What trees and table take, without what they may yet take of the same memory.
  std::uint64_t index_bytes_used() const TALEA_EXCLUDES(index_mutex_);

  // --- Reading -----------------------------------------------------------------------------------

  EpochDomain& epochs() const { return epochs_; }
  /// The last batch that is visible.
  Sequence published() const { return published_.load(); }
  /// Sleeps until a batch behind `sequence` is visible, at most for `timeout`. Whether one is.
  bool wait_beyond(Sequence sequence, std::chrono::nanoseconds timeout) const
      TALEA_EXCLUDES(waiting_mutex_);
  /// A consistent view of everything as of now, for as long as the pin lives.
  SnapshotRegistry::Pin pin() const { return snapshots_.pin(); }
  SnapshotRegistry::Pin pin_again(const SnapshotRegistry::Pin& open) const {
    return snapshots_.pin_again(open);
  }

  /// The newest entry of the key; false when there is none. Then, if `out.state` is not null, `out`
  /// is what stands in its place, and only if that is intact the key is known to be absent.
  bool find(const EpochGuard& guard, Space space, BytesView key, Found& out) const;
  /// The entry of the key as of batch `at`, which is pinned; false as of find().
  bool find_at(const EpochGuard& guard, Space space, BytesView key, Sequence at, Found& out) const;
  /// As find() for each of up to kFoundAtOnce keys; `found` says which. Overlaps cache misses.
  static constexpr std::size_t kFoundAtOnce = 32;
  void find_many(const EpochGuard& guard, Space space, std::span<const BytesView> keys,
                 std::span<Found> out, std::span<bool> found) const;

  /// As find_at(), or find() without `at`, and among the keys in runs.
  /// Errors: corruption, io_error
  Result<bool> find_anywhere(const EpochGuard& guard, Space space, BytesView key,
                             std::optional<Sequence> at, Found& out) const;

  /// Locations of keys from `from` on, newest entries and tombstones; as RadixTree::rows().
  std::size_t rows(const EpochGuard& guard, Space space, std::optional<RadixTree::Bound> from,
                   RadixTree::Direction direction, std::span<Location> out,
                   RadixTree::Ahead ahead) const;
  /// The entry at a location that rows() gave, as of batch `at`; false when the key had none then,
  /// which is known only if `out` is intact.
  bool entry_as_of(Location location, Sequence at, Found& out) const;
  /// The entry at a location; false when there can be none. Each get makes this call: g++ alone
  /// leaves it a call, which costs 5 % of a get from the cache.
  [[gnu::always_inline]] bool read(Location location, Found& out) const {
    out.state = segments_.find(segment_of(location));
    if (out.state == nullptr) [[unlikely]]
      return false;
    out.offset = offset_of(location);
    if (out.segment().peek(out.offset, out.entry)) [[likely]]
      return true;
    out.entry = {};
    return false;
  }
  /// The same for whoever needs no more than Segment::peek_key() gives.
  bool read_key(Location location, Found& out) const {
    out.state = segments_.find(segment_of(location));
    if (out.state == nullptr) [[unlikely]]
      return false;
    out.offset = offset_of(location);
    if (out.segment().peek_key(out.offset, out.entry)) [[likely]]
      return true;
    out.entry = {};
    return false;
  }
  /// Null when no such segment is open. Good for as long as what may be found in it.
  const SegmentState* find_segment(std::uint32_t id) const { return segments_.find(id); }
  /// Asks for the memory of an entry that will be read soon, or of the first `bytes` bytes of it.
  void prefetch(Location location, std::size_t bytes = 1) const {
    const SegmentState* const state = segments_.find(segment_of(location));
    if (state != nullptr) state->segment->prefetch(offset_of(location), bytes);
  }

  /// How many changes are kept for snapshots.
  std::uint64_t undo_changes() const { return undo_.size(); }
  /// Before the store is used: calls `report` with true when there come to be `max` changes or
  /// more, and with false when there are fewer again; under the lock of the index.
  void watch_undo(std::uint64_t max, std::function<void(bool)> report) TALEA_EXCLUDES(index_mutex_);

  /// Hints of expiry are none.
  std::uint64_t keys() const { return keys_.load(std::memory_order_relaxed); }
  std::uint64_t live_bytes() const;
  /// What the index takes: trees, table, undo list and past revisions in memory.
  std::uint64_t index_bytes() const TALEA_EXCLUDES(index_mutex_);

  /// Calls `visit` for the newest entry of every key of every space, in no order of spaces.
  /// For checks, while nothing is written: slow, and in nobody's way but a writer's.
  void for_each_entry(const std::function<void(const Found&)>& visit) const
      TALEA_EXCLUDES(index_mutex_);

 private:
  // The keys of one space.
  struct SpaceIndex {
    SpaceIndex(Space of, EpochDomain& epochs, const KeySource& keys)
        : space(of), tree(epochs, keys) {}
    const Space space;
    RadixTree tree;
    SpaceIndex* next = nullptr;  // in its bucket
  };

  BytesView key_at(std::uint64_t word, Bytes& scratch) const override;
  bool is_key_at(std::uint64_t word, BytesView key) const override;
  void prefetch(std::span<const std::uint64_t> words, std::size_t bytes) const override;

  bool find_published(const EpochGuard& guard, Space space, BytesView key, Found& out) const;
  bool version_as_of(Location location, Sequence at, Found& out) const;
  bool find_superseded(Space space, BytesView key, Sequence at, Found& out) const;
  // The entry that a row of a run is about.
  Result<Location> location_of(Space space, BytesView key, const RunRevision& row) const;
  // What is at a location of location_of().
  Status read_checked(Location location, Found& out) const;
  Status promote_row(Space space, BytesView key, Location location) TALEA_REQUIRES(index_mutex_);
  // Lets the lookup table grow to what `keys` need, after `changes` of them.
  void grow_table(std::size_t changes, std::uint64_t keys) TALEA_REQUIRES(index_mutex_);
  // Hands the next entries over to the larger table. False when there are no more.
  bool fill_table() TALEA_REQUIRES(index_mutex_);
  // Those that the table does not know. `last_key`: that of the last location.
  std::vector<Location> forgotten_of(const EpochGuard& guard, std::span<const Location> locations,
                                     Bytes& last_key) const;
  void recall(std::span<const Location> forgotten) TALEA_EXCLUDES(index_mutex_);
  bool may_be_in_runs(Space space, BytesView key) const TALEA_EXCLUDES(runs_mutex_);
  void release(const ExtentList& list) TALEA_REQUIRES(index_mutex_);
  const SpaceIndex* index_of(Space space) const;
  SpaceIndex& index_for(Space space) TALEA_REQUIRES(index_mutex_);
  // Up to here nobody needs the past.
  Sequence seen_by_all() const TALEA_REQUIRES(index_mutex_) {
    return std::max(std::min(snapshots_.oldest(), published()), floor_);
  }
  void publish_each(std::span<const Change> changes, SegmentState& segment, Sequence sequence)
      TALEA_REQUIRES(index_mutex_);
  Location find_in_table(Space space, BytesView key, std::uint64_t hash, Found& out) const;
  Location find_latest(Space space, BytesView key, std::uint64_t hash, Found& out) const;
  using MoveHashes = std::array<std::uint64_t, kMovedAtOnce>;
  MoveHashes prefetch_moves(const EpochGuard& guard, std::span<const Move> moves) const;
  Location candidate_for(const EpochGuard& guard, const Move& move, std::uint64_t hash) const;
  Result<bool> is_seen_at(const EpochGuard& guard, Sequence at, const Move& move,
                          std::uint64_t hash) const;
  void replace(SpaceIndex& index, BytesView key, const UndoList::Change& change)
      TALEA_REQUIRES(index_mutex_);
  void publish_put(const Change& change, SegmentState& segment, Sequence sequence)
      TALEA_REQUIRES(index_mutex_);
  void publish_remove(const Change& change, SegmentState& segment, Sequence sequence)
      TALEA_REQUIRES(index_mutex_);
  // Gives up what no snapshot needs, some of it; true if more remains.
  bool prune() TALEA_REQUIRES(index_mutex_);
  // More of it; true if more remains.
  bool collect_some() TALEA_EXCLUDES(index_mutex_);
  void forget_tombstone(Location tombstone) TALEA_REQUIRES(index_mutex_);
  bool is_in_tree(const Found& found, Location location) TALEA_REQUIRES(index_mutex_);
  void account(const Change& change, SegmentState& segment) TALEA_REQUIRES(index_mutex_);
  void count_key(Space space, std::uint64_t change);
  void discount(const Found& old) TALEA_REQUIRES(index_mutex_);
  // A batch takes the place of `old`, which lies at `location`: it is kept, or garbage.
  void supersede(std::uint64_t hash, Location location, const Found& old, Sequence sequence)
      TALEA_REQUIRES(index_mutex_);
  static Status no_segment(Location location);
  auto older_than(Sequence sequence) const {
    return [this, sequence](Location location) {
      Found found;
      return read_key(location, found) && found.sequence() < sequence;
    };
  }
  void give_up_value(ExtentList list) TALEA_REQUIRES(index_mutex_);
  bool relocate_past(const History::View& view, const Move& copy, std::uint64_t hash,
                     Location location, std::vector<Location>& moved) TALEA_REQUIRES(index_mutex_);
  Result<Location> newest_in_buffers(const History::View& view, Space space, BytesView key,
                                     const RevisionLimit& limit) const;

  mutable EpochDomain epochs_;
  SegmentTable segments_;
  std::atomic<Sequence> published_{0};
  mutable std::atomic<std::uint32_t> waiting_{0};  // for the next batch
  mutable Mutex waiting_mutex_;
  mutable CondVar came_;
  mutable SnapshotRegistry snapshots_{published_};

  mutable PriorityMutex index_mutex_;  // held by whoever changes what follows; readers go by
  UndoList undo_;
  History history_;
  std::uint64_t undo_max_ TALEA_GUARDED_BY(index_mutex_) = UINT64_MAX;
  bool undo_is_full_ TALEA_GUARDED_BY(index_mutex_) = false;
  std::function<void(bool)> report_undo_ TALEA_GUARDED_BY(index_mutex_);
  LookupTable table_;
  // Spaces are few and never go; that of users is the first.
  static constexpr std::size_t kSpaceBuckets = 256;
  SpaceIndex user_index_{Space::user, epochs_, *this};
  std::array<std::atomic<SpaceIndex*>, kSpaceBuckets> spaces_{};
  std::vector<std::unique_ptr<SpaceIndex>> owned_spaces_ TALEA_GUARDED_BY(index_mutex_);
  // How many entries refer to a large value, by its id: a StoredValue may be put under several
  // keys.
  absl::flat_hash_map<std::uint64_t, std::uint64_t> references_ TALEA_GUARDED_BY(index_mutex_);

  // Large values whose entries were replaced while the index was incomplete, and not all that refer
  // to them were known.
  std::vector<ExtentList> unreleased_ TALEA_GUARDED_BY(index_mutex_);
  // Tombstones that no snapshot needs and that stay in their trees, because a run could bring their
  // keys back. Of some the key was put again meanwhile.
  std::deque<Location> tombstones_ TALEA_GUARDED_BY(index_mutex_);
  Sequence floor_ TALEA_GUARDED_BY(index_mutex_) = 0;  // see raise_floor()
  // For which the table that grows has not yet been given entries.
  std::size_t changes_to_fill_for_ TALEA_GUARDED_BY(index_mutex_) = 0;
  std::atomic<std::uint64_t> growths_{0};  // of the table
  Bytes evict_from_ TALEA_GUARDED_BY(index_mutex_);

  mutable Mutex runs_mutex_;
  std::shared_ptr<const RunSet> runs_ TALEA_GUARDED_BY(runs_mutex_) = RunSet::of({});
  mutable std::vector<std::pair<Space, Bytes>> found_cold_ TALEA_GUARDED_BY(runs_mutex_);
  std::atomic<bool> has_runs_{false};
  std::atomic<bool> complete_{true};
  std::atomic<std::uint32_t> boundary_{0};
  std::atomic<bool> evicts_{false};
  mutable SharedMutex eviction_mutex_;  // taken before the others

  std::atomic<std::uint64_t> keys_{0};
};

}  // namespace talea
