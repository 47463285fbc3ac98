#include "engine/live_state.h"

#include <algorithm>

#include "base/assert.h"
#include "engine/expiry_hint.h"
#include "index/key_hash.h"

namespace talea {

namespace {

// Marks the new location of a change that removed its key; bit 0 of a location is clear.
constexpr std::uint64_t kTombstoneMark = 1;

// Superseded entries that one publication gives up, at most: a snapshot that was open for long
// leaves millions, and no writer is to pay for all of them.
constexpr std::size_t kPrunedAtOnce = 64;

// 128 KiB. The table grows with the keys.
constexpr std::uint64_t kTableSlotsFirst = 16384;

// An index of fewer keys is in the caches: to ask for it takes longer than to wait for it.
constexpr std::uint64_t kKeysPrefetchedFrom = 16384;

}  // namespace

LiveState::LiveState() : table_(epochs_, kTableSlotsFirst) {}
LiveState::~LiveState() = default;

// --- From a location to an entry -----------------------------------------------------------------

BytesView LiveState::key_at(std::uint64_t word, Bytes& scratch) const {
  Found found;
  if (!read_key(word, found)) return {};
  if (found.entry.opened.data() == nullptr) [[likely]]
    return found.entry.key;
  scratch.assign(found.entry.key);
  return scratch;
}

bool LiveState::is_key_at(std::uint64_t word, BytesView key) const {
  Found found;
  return read_key(word, found) && found.entry.key == key;
}

void LiveState::prefetch(std::span<const std::uint64_t> words, std::size_t bytes) const {
  for (const Location location : words) {
    if (location != 0) prefetch(location, bytes);
  }
}

std::shared_ptr<const Segment> LiveState::segment(std::uint32_t id) const {
  const std::shared_ptr<SegmentState> state = segments_.share(id);
  return state == nullptr ? nullptr : state->segment;
}

// --- Spaces --------------------------------------------------------------------------------------

const LiveState::SpaceIndex* LiveState::index_of(Space space) const {
  if (space == Space::user) [[likely]]
    return &user_index_;
  const SpaceIndex* index =
      spaces_[number_of(space) % kSpaceBuckets].load(std::memory_order_acquire);
  while (index != nullptr && index->space != space) index = index->next;
  return index;
}

LiveState::SpaceIndex& LiveState::index_for(Space space) {
  if (space == Space::user) return user_index_;
  // Ours to change: nobody else adds an index while the lock is held.
  if (const SpaceIndex* present = index_of(space)) return const_cast<SpaceIndex&>(*present);
  std::atomic<SpaceIndex*>& bucket = spaces_[number_of(space) % kSpaceBuckets];
  const KeySource& keys = *this;
  SpaceIndex& added =
      *owned_spaces_.emplace_back(std::make_unique<SpaceIndex>(space, epochs_, keys));
  added.next = bucket.load(std::memory_order_relaxed);
  bucket.store(&added, std::memory_order_release);
  return added;
}

// --- Writing -------------------------------------------------------------------------------------

void LiveState::publish(std::span<const Change> changes, SegmentState& segment, Sequence sequence) {
  UrgentLock lock(index_mutex_);
  for (auto rest = changes; !rest.empty();) {
    const auto group = rest.first(std::min(rest.size(), kMovedAtOnce));
    rest = rest.subspan(group.size());
    if (group.size() > 1) prefetch(group);
    publish_each(group, segment, sequence);
  }
  grow_table(changes.size(), user_index_.tree.size());
  // seq_cst, and before the look at the open snapshots: see SnapshotRegistry.
  published_.store(sequence);
  if (waiting_.load() > 0) [[unlikely]] {
    MutexLock waking(waiting_mutex_);
    came_.notify_all();
  }
  // As much as was added, and some of what a snapshot left behind.
  for (std::size_t pruned = 0; prune() && pruned < changes.size(); pruned += kPrunedAtOnce) {
  }
}

bool LiveState::wait_beyond(Sequence sequence, std::chrono::nanoseconds timeout) const {
  using SteadyClock = std::chrono::steady_clock;
  const auto end = SteadyClock::now() + timeout;
  // seq_cst, as in publish(): whoever does not see this one is seen below.
  waiting_.fetch_add(1);
  {
    MutexLock lock(waiting_mutex_);
    while (published() <= sequence) {
      const auto now = SteadyClock::now();
      if (now >= end) break;
      (void)came_.wait_for(waiting_mutex_, end - now);
    }
  }
  waiting_.fetch_sub(1);
  return published() > sequence;
}

void LiveState::publish_each(std::span<const Change> changes, SegmentState& segment,
                             Sequence sequence) {
  for (const Change& change : changes) {
    if (change.is_remove) {
      publish_remove(change, segment, sequence);
    } else {
      publish_put(change, segment, sequence);
    }
  }
}

void LiveState::prefetch_bucket(Space space, BytesView key) const {
  if (keys() < kKeysPrefetchedFrom) return;
  const EpochGuard guard(epochs_);
  table_.prefetch(guard, hash_key(space, key));
}

void LiveState::prefetch_replaced(Space space, BytesView key) const {
  if (keys() < kKeysPrefetchedFrom) return;
  const EpochGuard guard(epochs_);
  (void)table_.find(guard, hash_key(space, key), [this](Location location) {
    prefetch(location);
    return false;
  });
}

// In rounds, each of which asks for what the next one reads, so that the changes wait together.
void LiveState::prefetch(std::span<const Change> changes) const {
  std::array<BytesView, kMovedAtOnce> keys;
  std::array<Location, kMovedAtOnce> candidates{};
  TALEA_ASSERT(changes.size() <= keys.size());
  const Space space = changes.front().space;
  const EpochGuard guard(epochs_);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    keys[i] = changes[i].key;
    table_.prefetch(guard, hash_key(changes[i].space, keys[i]));
  }
  const SpaceIndex* const index = index_of(space);
  if (index == nullptr) return;
  index->tree.find_candidates(guard, std::span(keys).first(changes.size()),
                              std::span(candidates).first(changes.size()));
  prefetch(candidates, 1);
}

// The newest location of a key if the table knows it; of its entry no more than read_key() gives.
Location LiveState::find_in_table(Space space, BytesView key, std::uint64_t hash,
                                  Found& out) const {
  const EpochGuard guard(epochs_);
  return table_.find(guard, hash, [&](Location location) {
    return read_key(location, out) && out.entry.key == key && out.entry.space == number_of(space);
  });
}

// The same of a tree as well, published or not: also that of an earlier change of this batch, and
// of a tombstone. 0 when there is none.
Location LiveState::find_latest(Space space, BytesView key, std::uint64_t hash, Found& out) const {
  if (const Location location = find_in_table(space, key, hash, out); location != 0) {
    return location;
  }
  const SpaceIndex* const index = index_of(space);
  if (index == nullptr) return 0;
  const EpochGuard guard(epochs_);
  const Location location = index->tree.find_candidate(guard, key).value_or(0);
  return location != 0 && read_key(location, out) && out.entry.key == key ? location : 0;
}

// A reader that finds the new location and is to see the old one looks for it in the undo list; so
// it is there before.
void LiveState::replace(SpaceIndex& index, BytesView key, const UndoList::Change& change) {
  undo_.append(change);
  const bool replaced = index.tree.replace(key, change.old_word, change.new_word & ~kTombstoneMark);
  TALEA_ASSERT(replaced);
}

void LiveState::publish_put(const Change& change, SegmentState& segment, Sequence sequence) {
  const Location location = location_at(segment.segment->id(), change.place.offset);
  const std::uint64_t hash = hash_key(change.space, change.key);
  SpaceIndex& index = index_for(change.space);
  Found replaced;
  Location old = find_in_table(change.space, change.key, hash, replaced);
  if (old == 0) {
    old = index.tree.insert(change.key, location).value_or(0);
    if (old != 0) {
      const bool is_there = read_key(old, replaced);
      TALEA_ASSERT(is_there);  // or its key would not be known
    }
  }
  const bool is_new = old == 0 || replaced.entry.is_remove();
  // Before it can be replaced: who meets the new one finds the old one.
  if (old != 0) supersede(hash, old, replaced, sequence);
  if (old != 0) replace(index, change.key, {hash, old, location, sequence});
  table_.put(hash, old, location);
  account(change, segment);
  if (is_new) count_key(change.space, 1);
}

void LiveState::publish_remove(const Change& change, SegmentState& segment, Sequence sequence) {
  const std::uint64_t hash = hash_key(change.space, change.key);
  Found removed;
  const Location old = find_latest(change.space, change.key, hash, removed);
  if (old == 0 || removed.entry.is_remove()) return;
  const Location tombstone = location_at(segment.segment->id(), change.place.offset);
  supersede(hash, old, removed, sequence);
  if (keeps_history_of(change.space)) history_.add(hash, tombstone);
  replace(index_for(change.space), change.key, {hash, old, tombstone | kTombstoneMark, sequence});
  table_.erase(hash, old);
  count_key(change.space, ~std::uint64_t{0});
}

// What a batch put and changed itself nobody ever saw.
void LiveState::supersede(std::uint64_t hash, Location location, const Found& old,
                          Sequence sequence) {
  if (!keeps_history_of(Space{old.entry.space})) [[likely]] {
    if (!old.entry.is_remove()) discount(old);
    return;
  }
  const bool is_of_this_batch = old.sequence() == sequence;
  if (old.entry.is_remove()) {
    // It is there already; see publish_remove().
    if (is_of_this_batch) history_.take_back(hash, location);
  } else if (is_of_this_batch) {
    discount(old);
  } else {
    history_.add(hash, location);
  }
}

bool LiveState::keeps_history_of(Space space) const {
  return history_.keeps() && space != kExpirySpace;
}

void LiveState::count_key(Space space, std::uint64_t change) {
  if (space == kExpirySpace) return;
  keys_.store(keys() + change, std::memory_order_relaxed);
}

bool LiveState::prune() {
  if (undo_.size() == 0 && !undo_is_full_) return false;  // a load of new keys
  const Sequence through = seen_by_all();
  std::array<Location, kPrunedAtOnce> tombstones{};
  std::size_t count = 0;
  const bool more = undo_.prune(through, kPrunedAtOnce, [&](const UndoList::Change& change) {
    if ((change.new_word & kTombstoneMark) != 0) {
      tombstones[count++] = change.new_word & ~kTombstoneMark;
    }
  });
  for (const Location tombstone : std::span(tombstones).first(count)) forget_tombstone(tombstone);
  const bool is_full = undo_.size() >= undo_max_;
  if (is_full != undo_is_full_) [[unlikely]] {
    undo_is_full_ = is_full;
    report_undo_(is_full);
  }
  return more;
}

void LiveState::watch_undo(std::uint64_t max, std::function<void(bool)> report) {
  PatientLock lock(index_mutex_);
  undo_max_ = max;
  report_undo_ = std::move(report);
}

void LiveState::forget_tombstone(Location tombstone) {
  Found removed;
  if (!read(tombstone, removed)) return;        // gone with its segment
  if (!is_in_tree(removed, tombstone)) return;  // put again since
  if (may_be_in_runs(Space{removed.entry.space}, removed.entry.key)) {
    // Without it the key would come back from them.
    tombstones_.push_back(tombstone);
    return;
  }
  (void)index_for(Space{removed.entry.space}).tree.remove(removed.entry.key);
}

// Whether what was read at `location` is the newest of its key.
bool LiveState::is_in_tree(const Found& found, Location location) {
  const EpochGuard guard(epochs_);
  return index_for(Space{found.entry.space}).tree.find(guard, found.entry.key) == location;
}

void LiveState::account(const Change& change, SegmentState& segment) {
  segment.add_live(change.place.bytes);
  if (change.extents == nullptr || ++references_[change.extents->value_id] > 1) return;
  for (const ExtentPiece& piece : change.extents->pieces) {
    if (SegmentState* state = segments_.find(piece.segment)) state->add_live(piece.disk_bytes());
  }
}

void LiveState::discount(const Found& old) {
  segments_.find(old.segment().id())->remove_live(old.entry.bytes);
  if (!old.entry.is_extent_list()) return;
  std::optional<ExtentList> list = decode_extent_list(old.entry.value);
  TALEA_ASSERT(list.has_value());  // it was checked when it was published
  give_up_value(std::move(*list));
}

// Whether another entry refers to it is known when all keys are in the trees.
void LiveState::give_up_value(ExtentList list) {
  if (is_complete()) {
    release(list);
  } else {
    unreleased_.push_back(std::move(list));
  }
}

// An entry no longer refers to the value.
void LiveState::release(const ExtentList& list) {
  const auto references = references_.find(list.value_id);
  TALEA_ASSERT(references != references_.end());
  if (--references->second > 0) return;
  references_.erase(references);
  for (const ExtentPiece& piece : list.pieces) {
    if (SegmentState* state = segments_.find(piece.segment)) state->remove_live(piece.disk_bytes());
  }
}

// --- Reading -------------------------------------------------------------------------------------

bool LiveState::find(const EpochGuard& guard, Space space, BytesView key, Found& out) const {
  const Sequence published = this->published();
  const std::uint64_t hash = hash_key(space, key);
  const auto is_match = [&](Location location) {
    return read(location, out) && out.entry.key == key && out.entry.space == number_of(space);
  };
  Location location = table_.find(guard, hash, is_match);
  if (location == 0) {
    out.state = nullptr;
    const SpaceIndex* const index = index_of(space);
    if (index == nullptr) return false;
    location = index->tree.find_candidate(guard, key).value_or(0);
    if (location == 0 || !read(location, out) || out.entry.key != key) return false;
  }
  if (out.sequence() > published) [[unlikely]]
    return find_published(guard, space, key, out);
  return !out.entry.is_remove();
}

// The reader met an entry that is younger than what was published when it came: its batch is being
// published, or was meanwhile. Until all of a batch is in, readers see none of it. The key is
// looked up anew: a batch may change it several times, and what was found may be one of the earlier
// ones.
bool LiveState::find_published(const EpochGuard& guard, Space space, BytesView key,
                               Found& out) const {
  const SnapshotRegistry::Pin pin = snapshots_.pin();
  return find_at(guard, space, key, pin.sequence(), out);
}

// The entry or tombstone of the key at `location` as of batch `at`.
bool LiveState::version_as_of(Location location, Sequence at, Found& out) const {
  if (!read(location, out)) return false;
  if (out.sequence() <= at) return true;
  const Space space{out.entry.space};
  const BytesView key = out.entry.key;
  Found old;
  if (!find_superseded(space, key, at, old)) {
    if (old.state == nullptr) return false;
    // `out` keeps its key, which may be what the views of `old` point to.
    out.state = old.state;
    out.offset = old.offset;
    out.entry.bytes = 0;
    return false;
  }
  out = std::move(old);
  // What the oldest change above `at` replaced may itself be above it: the key was absent then.
  return out.sequence() <= at;
}

// What stood under the key at batch `at`, if a change above it replaced that. When there is none
// `out.state` is null, or `out` is a damaged entry that may have been it: no check of it succeeds,
// and it counts as one of the key.
bool LiveState::find_superseded(Space space, BytesView key, Sequence at, Found& out) const {
  Found damaged;
  const auto is_same_key = [&](Location location) {
    if (read(location, out) && out.entry.key == key && Space{out.entry.space} == space) return true;
    const bool is_damaged = out.state != nullptr && !out.check(VerifyReads::always).ok();
    if (is_damaged) {
      damaged = out;
      damaged.entry = {};
      damaged.entry.key = key;
    }
    return false;
  };
  if (undo_.find(hash_key(space, key), at, is_same_key) != 0) return true;
  out = damaged;
  return false;
}

bool LiveState::entry_as_of(Location location, Sequence at, Found& out) const {
  return version_as_of(location, at, out) && !out.entry.is_remove();
}

bool LiveState::find_at(const EpochGuard& guard, Space space, BytesView key, Sequence at,
                        Found& out) const {
  out.state = nullptr;
  const SpaceIndex* const index = index_of(space);
  if (index == nullptr) return false;
  const std::optional<Location> location = index->tree.find_candidate(guard, key);
  return location && read(*location, out) && out.entry.key == key &&
         entry_as_of(*location, at, out);
}

void LiveState::find_many(const EpochGuard& guard, Space space, std::span<const BytesView> keys,
                          std::span<Found> out, std::span<bool> found) const {
  TALEA_ASSERT(keys.size() <= kFoundAtOnce);
  std::array<std::uint64_t, kFoundAtOnce> hashes{};
  // Each round asks for the memory that the next one reads: buckets, entries, and the nodes of
  // those that the table does not know.
  for (std::size_t i = 0; i < keys.size(); ++i) {
    hashes[i] = hash_key(space, keys[i]);
    table_.prefetch(guard, hashes[i]);
  }
  std::array<BytesView, kFoundAtOnce> missed{};
  std::size_t misses = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    bool has_candidate = false;
    (void)table_.find(guard, hashes[i], [&](Location location) {
      prefetch(location);
      has_candidate = true;
      return false;
    });
    if (!has_candidate) missed[misses++] = keys[i];
  }
  if (const SpaceIndex* index = index_of(space); misses > 0 && index != nullptr) {
    std::array<Location, kFoundAtOnce> locations{};
    index->tree.find_candidates(guard, std::span(missed).first(misses),
                                std::span(locations).first(misses));
    prefetch(std::span(locations).first(misses), 1);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) found[i] = find(guard, space, keys[i], out[i]);
}

std::size_t LiveState::rows(const EpochGuard& guard, Space space,
                            std::optional<RadixTree::Bound> from, RadixTree::Direction direction,
                            std::span<Location> out, RadixTree::Ahead ahead) const {
  const SpaceIndex* const index = index_of(space);
  return index == nullptr ? 0 : index->tree.rows(guard, from, direction, out, ahead);
}

// --- Sizes ---------------------------------------------------------------------------------------

std::uint64_t LiveState::live_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& state : segments_.all()) bytes += state->live_bytes();
  return bytes;
}

std::vector<Space> LiveState::spaces() const {
  PatientLock lock(index_mutex_);
  std::vector<Space> spaces = {user_index_.space};
  spaces.reserve(1 + owned_spaces_.size());
  for (const auto& index : owned_spaces_) spaces.push_back(index->space);
  std::sort(spaces.begin(), spaces.end());
  return spaces;
}

std::uint64_t LiveState::index_bytes() const {
  PatientLock lock(index_mutex_);
  std::uint64_t bytes =
      user_index_.tree.memory_bytes() + table_.memory_bytes() + undo_.memory_bytes();
  if (history_.keeps()) bytes += history_.memory_bytes();
  for (const auto& index : owned_spaces_) bytes += index->tree.memory_bytes();
  return bytes;
}

void LiveState::for_each_entry(const std::function<void(const Found&)>& visit) const {
  PatientLock lock(index_mutex_);
  const auto visit_index = [&](const SpaceIndex& index) {
    std::array<Location, 1024> locations{};
    Bytes last;
    std::optional<RadixTree::Bound> from;
    for (;;) {
      const EpochGuard guard(epochs_);
      const std::size_t count =
          index.tree.rows(guard, from, RadixTree::Direction::ascending, locations);
      for (const Location location : std::span(locations).first(count)) {
        Found found;
        if (!read(location, found)) continue;
        if (!found.entry.is_remove()) visit(found);
        last = found.entry.key;
      }
      if (count < locations.size()) return;
      from = {last, false};
    }
  };
  visit_index(user_index_);
  for (const auto& index : owned_spaces_) visit_index(*index);
}

}  // namespace talea
