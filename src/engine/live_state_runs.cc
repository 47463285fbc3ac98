// What LiveState does with runs: promotion, eviction, and what checkpoints and compaction ask of
// it.
#include <algorithm>

#include "base/assert.h"
#include "engine/live_state.h"
#include "index/key_hash.h"

namespace talea {

namespace {

// Keys that a reader found in the runs and that wait to be promoted; more are found again.
constexpr std::size_t kFoundColdMax = 4096;

// Rows that are looked at under one guard or lock: some tens of microseconds.
constexpr std::size_t kRowsAtOnce = 256;

// A larger table takes up to 32 entries of the smaller one for every 4 keys that change, on the
// thread that changes them: it has all of them when an eighth has been added. A thread in the
// background did it before, and the two passed the mutex to and fro for a third of a fresh store's
// time. No more at once, because each may have to be read from the disk; and of a batch of many
// keys no more than 64 times that.
constexpr std::size_t kFilledAtOnce = 32;
constexpr std::size_t kChangesToAFill = 4;
constexpr std::size_t kFillsMax = 64;
// As if so many came: some fifty microseconds.
constexpr std::size_t kChangesWithoutWrites = 32 * kChangesToAFill;

// 2 MiB. Up to there a table has four times the slots of the one before.
constexpr std::uint64_t kQuadrupledUpTo = std::uint64_t{1} << 18;

}  // namespace

RunRevision LiveState::Found::row() const {
  RunRevision row;
  row.sequence = sequence();
  row.time_ms = segment().time_at(offset, entry);
  row.tombstone = entry.is_remove();
  if (entry.expires()) row.expiry_ms = entry.claims.expiry_ms;
  row.address = {segment().id(), offset, entry.bytes};
  return row;
}

void LiveState::set_runs(std::shared_ptr<const RunSet> runs, std::uint32_t boundary,
                         bool complete) {
  PatientLock index_lock(index_mutex_);
  MutexLock lock(runs_mutex_);
  has_runs_.store(!runs->empty(), std::memory_order_release);
  runs_ = std::move(runs);
  boundary_.store(boundary, std::memory_order_relaxed);
  complete_.store(complete || runs_->empty(), std::memory_order_release);
}

std::shared_ptr<const RunSet> LiveState::runs() const {
  MutexLock lock(runs_mutex_);
  return runs_;
}

bool LiveState::may_be_in_runs(Space space, BytesView key) const {
  if (!has_runs_.load(std::memory_order_acquire)) return false;
  for (const RunSet::Run& run : runs()->runs()) {
    const Result<bool> may = run->may_contain(space, key);
    if (!may.ok() || *may) return true;
  }
  return false;
}

Result<Location> LiveState::location_of(Space space, BytesView key, const RunRevision& row) const {
  const auto damaged = [&](const std::string& what) {
    return Status::corruption("a run says that a key of space " +
                              std::to_string(static_cast<std::uint32_t>(space)) +
                              " is in segment " + std::to_string(row.address.segment) +
                              " at offset " + std::to_string(row.address.offset) + ": " + what);
  };
  if (row.address.segment > kLocatableSegmentMax || row.address.offset > UINT32_MAX) {
    return damaged("there is no such place");
  }
  const Location location = location_at(static_cast<std::uint32_t>(row.address.segment),
                                        static_cast<std::uint32_t>(row.address.offset));
  Found found;
  if (!read_key(location, found)) return damaged("no entry is there");
  TALEA_TRY(found.check(VerifyReads::once));
  if (found.entry.key != key || Space{found.entry.space} != space || found.entry.is_remove() ||
      found.sequence() != row.sequence) {
    return damaged("another entry is there");
  }
  return location;
}

// That its key compares and its check matches is known: so the seal of an encrypted one was forged.
Status LiveState::read_checked(Location location, Found& out) const {
  if (read(location, out)) return {};
  return out.state == nullptr ? no_segment(location) : out.corruption();
}

// --- Promotion -----------------------------------------------------------------------------------

Status LiveState::promote_row(Space space, BytesView key, Location location) {
  const std::uint64_t hash = hash_key(space, key);
  Found found;
  if (find_latest(space, key, hash, found) != 0) return {};
  // What stands in its place may be a newer entry of the key, damaged.
  if (found.state != nullptr) TALEA_TRY(found.check(VerifyReads::once));
  const bool is_entry = read_key(location, found);
  TALEA_ASSERT(is_entry);
  (void)index_for(space).tree.upsert(key, location);
  table_.put(hash, 0, location);
  if (!found.entry.is_extent_list()) return {};
  if (const auto list = decode_extent_list(found.entry.value)) ++references_[list->value_id];
  return {};
}

Status LiveState::promote(Space space, BytesView key) {
  if (is_complete()) return {};
  UrgentLock lock(index_mutex_);
  Found found;
  if (find_latest(space, key, hash_key(space, key), found) != 0) return {};
  // Under the lock: the runs are not replaced meanwhile.
  const std::optional<RunRevision> row = TALEA_TRY(runs()->get(space, key));
  if (!row || row->tombstone) return {};
  return promote_row(space, key, TALEA_TRY(location_of(space, key, *row)));
}

Result<std::optional<LiveState::Reached>> LiveState::promote_from(Space space, BytesView from,
                                                                  bool inclusive,
                                                                  std::size_t rows_max) {
  PatientLock lock(index_mutex_);
  RunSetIterator rows = runs()->iterate();
  TALEA_TRY(rows.seek(space, from));
  if (!inclusive && rows.valid() && rows.space() == space && rows.key() == from) {
    TALEA_TRY(rows.next());
  }
  // If none is evicted all of them will be in the trees.
  grow_table(rows_max, evicts_.load(std::memory_order_relaxed) ? user_index_.tree.size() : keys());
  Reached reached;
  for (std::size_t done = 0; rows.valid(); ++done) {
    if (done == rows_max) return std::optional(std::move(reached));
    const Location location = TALEA_TRY(location_of(rows.space(), rows.key(), rows.revision()));
    TALEA_TRY(promote_row(rows.space(), rows.key(), location));
    reached = {rows.space(), Bytes(rows.key())};
    TALEA_TRY(rows.next());
  }
  return std::optional<Reached>();
}

Result<std::optional<Bytes>> LiveState::promote_before(Space space, std::optional<BytesView> before,
                                                       std::size_t rows_max) {
  PatientLock lock(index_mutex_);
  RunSetIterator rows = runs()->iterate();
  if (before) {
    TALEA_TRY(rows.seek_before(space, *before));
  } else if (space == Space{UINT32_MAX}) {
    TALEA_TRY(rows.seek_last());
  } else {
    TALEA_TRY(rows.seek_before(Space{number_of(space) + 1}, {}));
  }
  Bytes reached;
  for (std::size_t done = 0; rows.valid() && rows.space() == space; ++done) {
    if (done == rows_max) return std::optional(std::move(reached));
    const Location location = TALEA_TRY(location_of(space, rows.key(), rows.revision()));
    TALEA_TRY(promote_row(space, rows.key(), location));
    reached = Bytes(rows.key());
    TALEA_TRY(rows.prev());
  }
  return std::optional<Bytes>();
}

void LiveState::set_complete() {
  PatientLock lock(index_mutex_);
  complete_.store(true, std::memory_order_release);
  for (const ExtentList& list : unreleased_) release(list);
  unreleased_.clear();
}

Result<bool> LiveState::find_cold(const EpochGuard&, Space space, BytesView key,
                                  std::optional<Sequence> at, Found& out) const {
  const std::optional<RunRevision> row = TALEA_TRY(runs()->get(space, key));
  if (row && !row->tombstone) {
    const Location location = TALEA_TRY(location_of(space, key, *row));
    {
      MutexLock lock(runs_mutex_);
      if (found_cold_.size() < kFoundColdMax) found_cold_.emplace_back(space, Bytes(key));
    }
    if (!at) {
      TALEA_TRY(read_checked(location, out));
      return true;
    }
    return entry_as_of(location, *at, out);
  }
  if (!at) return false;
  // Removed after the snapshot, perhaps, and in no tree any more.
  return find_superseded(space, key, *at, out) && out.sequence() <= *at && !out.entry.is_remove();
}

Result<bool> LiveState::find_anywhere(const EpochGuard& guard, Space space, BytesView key,
                                      std::optional<Sequence> at, Found& out) const {
  // Asked before and after: while the key was looked for the last ones may have come into the
  // trees, or the first ones may have left them.
  const bool was_complete = is_complete();
  const bool found = at ? find_at(guard, space, key, *at, out) : find(guard, space, key, out);
  if (found) return true;
  // What stands in its place may be the key itself, damaged; and the runs may know an older one.
  if (out.state != nullptr) TALEA_TRY(out.check(VerifyReads::once));
  if (was_complete && is_complete()) return false;
  const bool in_tree = out.state != nullptr && out.entry.key == key;
  if (in_tree) return false;
  return find_cold(guard, space, key, at, out);
}

Status LiveState::promote_found() {
  std::vector<std::pair<Space, Bytes>> keys;
  {
    MutexLock lock(runs_mutex_);
    keys.swap(found_cold_);
  }
  for (const auto& [space, key] : keys) TALEA_TRY(promote(space, key));
  return {};
}

// --- Eviction ------------------------------------------------------------------------------------

std::size_t LiveState::evict(std::size_t rows_max) {
  std::array<Location, kRowsAtOnce> locations{};
  WriteLock evicting(eviction_mutex_);
  PatientLock lock(index_mutex_);
  std::size_t count = 0;
  {
    const EpochGuard guard(epochs_);
    const RadixTree::Bound from{evict_from_, false};
    count = user_index_.tree.rows(guard, evict_from_.empty() ? std::nullopt : std::optional(from),
                                  RadixTree::Direction::ascending,
                                  std::span(locations).first(std::min(rows_max, kRowsAtOnce)));
  }
  // Before the first leaf goes: who looked at the trees before asks again.
  complete_.store(false, std::memory_order_release);
  std::size_t evicted = 0;
  for (const Location location : std::span(locations).first(count)) {
    Found found;
    if (!read_key(location, found)) continue;
    evict_from_ = found.entry.key;
    // Large values are few, and who refers to them must stay known.
    const bool in_runs = segment_of(location) < boundary() && !found.entry.is_remove() &&
                         !found.entry.is_extent_list();
    if (!in_runs) continue;
    table_.erase(hash_key(Space::user, found.entry.key), location);
    (void)user_index_.tree.remove(found.entry.key);
    ++evicted;
  }
  if (count < std::min(rows_max, kRowsAtOnce)) evict_from_.clear();
  return evicted;
}

// --- Checkpoints and compaction ------------------------------------------------------------------

Result<std::optional<LiveState::Reached>> LiveState::visit_rows(const Reached& from, Sequence at,
                                                                std::uint32_t boundary,
                                                                std::size_t rows_max,
                                                                const VisitEntry& visit) const {
  std::array<Location, kRowsAtOnce> locations{};
  Reached reached = from;
  std::size_t done = 0;
  for (const Space space : spaces()) {
    if (space < reached.space) continue;
    if (space != reached.space) reached = {space, {}};
    for (;;) {
      if (done >= rows_max) return std::optional(std::move(reached));
      const EpochGuard guard(epochs_);
      std::optional<RadixTree::Bound> bound;
      if (!reached.key.empty()) bound = {reached.key, false};
      const std::size_t count =
          index_of(space)->tree.rows(guard, bound, RadixTree::Direction::ascending, locations);
      const auto is_below = [&](Location location) { return segment_of(location) < boundary; };
      for (const Location location : std::span(locations).first(count)) {
        if (!is_below(location)) prefetch(location);
      }
      Found found;
      for (const Location location : std::span(locations).first(count)) {
        if (is_below(location)) continue;
        // What is damaged may look as if the key had been absent.
        if (version_as_of(location, at, found)) {
          TALEA_TRY(visit(found));
        } else if (found.state != nullptr) {
          TALEA_TRY(found.check(VerifyReads::once));
        }
      }
      done += count;
      if (count < locations.size()) break;
      (void)read(locations[count - 1], found);
      TALEA_TRY(found.check(VerifyReads::always));
      reached.key = found.entry.key;
    }
  }
  return std::optional<Reached>();
}

// Asks for the buckets, and then for the entries that these lead to.
LiveState::MoveHashes LiveState::prefetch_moves(const EpochGuard& guard,
                                                std::span<const Move> moves) const {
  TALEA_ASSERT(moves.size() <= kMovedAtOnce);
  MoveHashes hashes{};
  for (std::size_t i = 0; i < moves.size(); ++i) {
    hashes[i] = hash_key(moves[i].space, moves[i].key);
    table_.prefetch(guard, hashes[i]);
  }
  for (std::size_t i = 0; i < moves.size(); ++i) {
    (void)table_.find(guard, hashes[i], [&](Location location) {
      if (location != moves[i].from) prefetch(location);
      return location == moves[i].from;
    });
  }
  return hashes;
}

// Where the newest of the key lies, or what stands in its place; 0 when nothing does. The entry
// itself need not be read: where it lies no other is.
Location LiveState::candidate_for(const EpochGuard& guard, const Move& move,
                                  std::uint64_t hash) const {
  Found found;
  const auto is_match = [&](Location location) {
    return location == move.from || (read_key(location, found) && found.entry.key == move.key &&
                                     found.entry.space == number_of(move.space));
  };
  const Location location = table_.find(guard, hash, is_match);
  if (location != 0) return location;
  const SpaceIndex* const index = index_of(move.space);
  return index == nullptr ? 0 : index->tree.find_candidate(guard, move.key).value_or(0);
}

void LiveState::are_current(std::span<const Move> entries, std::span<bool> current) const {
  const EpochGuard guard(epochs_);
  const MoveHashes hashes = prefetch_moves(guard, entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    current[i] = candidate_for(guard, entries[i], hashes[i]) == entries[i].from;
  }
}

Result<bool> LiveState::is_seen_at(const EpochGuard& guard, Sequence at, const Move& move,
                                   std::uint64_t hash) const {
  const Location candidate = candidate_for(guard, move, hash);
  if (candidate == move.from) return true;  // which is of `at` or before
  Found found;
  const bool is_seen =
      candidate != 0 && version_as_of(candidate, at, found) && found.entry.key == move.key;
  if (is_seen) return location_at(found.segment().id(), found.offset) == move.from;
  // What is damaged may look as if the key had been absent.
  if (found.state != nullptr) TALEA_TRY(found.check(VerifyReads::once));
  return false;
}

Status LiveState::are_seen_at(Sequence at, std::span<const Move> entries,
                              std::span<bool> seen) const {
  const EpochGuard guard(epochs_);
  const MoveHashes hashes = prefetch_moves(guard, entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    seen[i] = TALEA_TRY(is_seen_at(guard, at, entries[i], hashes[i]));
  }
  return {};
}

std::uint64_t LiveState::leaves() const {
  PatientLock lock(index_mutex_);
  std::uint64_t leaves = user_index_.tree.size();
  for (const auto& index : owned_spaces_) leaves += index->tree.size();
  return leaves;
}

void LiveState::relocate(std::span<const Move> copies, SegmentState& segment,
                         std::vector<Location>& moved_rows) {
  PatientLock lock(index_mutex_);
  const History::View view = history_.view();
  const EpochGuard guard(epochs_);
  const MoveHashes hashes = prefetch_moves(guard, copies);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const Move& copy = copies[i];
    const Location location = location_at(segment.segment->id(), copy.to.offset);
    if (candidate_for(guard, copy, hashes[i]) == copy.from) {
      const bool replaced = index_for(copy.space).tree.replace(copy.key, copy.from, location);
      TALEA_ASSERT(replaced);
      table_.put(hashes[i], copy.from, location);
    } else if (!relocate_past(view, copy, hashes[i], location, moved_rows)) {
      continue;
    }
    Found moved;
    const bool is_there = read_key(copy.from, moved);
    TALEA_ASSERT(is_there);
    segments_.find(segment_of(copy.from))->remove_live(moved.entry.bytes);
    segment.add_live(copy.to.bytes);
  }
}

void LiveState::purge_tombstones(std::size_t count) {
  PatientLock lock(index_mutex_);
  // Read under the lock that publishes: no later snapshot sees anything older.
  const Sequence seen = seen_by_all();
  for (count = std::min(count, tombstones_.size()); count > 0; --count) {
    const Location tombstone = tombstones_.front();
    tombstones_.pop_front();
    Found found;
    if (!read(tombstone, found) || !is_in_tree(found, tombstone)) continue;
    if (segment_of(tombstone) >= boundary() || found.sequence() > seen) {
      tombstones_.push_back(tombstone);
      continue;
    }
    (void)index_for(Space{found.entry.space}).tree.remove(found.entry.key);
  }
}

void LiveState::raise_floor(Sequence sequence) {
  PatientLock lock(index_mutex_);
  floor_ = std::max(floor_, sequence);
}

// --- The table -----------------------------------------------------------------------------------

void LiveState::grow_table(std::size_t changes, std::uint64_t keys) {
  if (!table_.is_growing()) {
    std::uint64_t slots = table_.slots();
    if (keys <= slots / 5 * 4) [[likely]]
      return;
    // Between 10 and 20 bytes a key, and 40 while that is little.
    slots = std::max(slots * 2, std::min(slots * 4, kQuadrupledUpTo));
    while (keys > slots / 5 * 4) slots *= 2;
    table_.collect();  // where nobody else does, as in a store that is only read
    table_.begin_growth(slots);
    changes_to_fill_for_ = 0;
  }
  changes_to_fill_for_ = std::min(changes_to_fill_for_ + changes, kFillsMax * kChangesToAFill);
  for (; changes_to_fill_for_ >= kChangesToAFill; changes_to_fill_for_ -= kChangesToAFill) {
    if (fill_table()) continue;
    table_.finish_growth();
    growths_.fetch_add(1);
    return;
  }
}

bool LiveState::fill_table() {
  std::array<Location, kFilledAtOnce> taken{};
  const std::optional<std::size_t> count = table_.take_next(taken);
  if (!count) return false;
  const auto locations = std::span(taken).first(*count);
  prefetch(locations, 1);
  for (const Location location : locations) {
    Found found;
    if (!read_key(location, found)) continue;
    const std::uint64_t hash = hash_key(Space{found.entry.space}, found.entry.key);
    // The key of an entry that is damaged may be another by now.
    if (table_.has(hash, location)) table_.fill(hash, location);
  }
  return true;
}

std::optional<std::size_t> LiveState::recall_forgotten(Recall& at) {
  if (!at.from) {
    const std::uint64_t growths = growths_.load();
    if (growths == at.growths) return std::nullopt;
    at = {growths, Bytes()};
  }
  std::array<Location, kRowsAtOnce> locations{};
  std::size_t count = 0;
  std::vector<Location> forgotten;
  const Bytes before = *at.from;
  {
    const EpochGuard guard(epochs_);
    std::optional<RadixTree::Bound> bound;
    if (!at.from->empty()) bound = {*at.from, false};
    count = user_index_.tree.rows(guard, bound, RadixTree::Direction::ascending, locations);
    forgotten = forgotten_of(guard, std::span(locations).first(count), *at.from);
  }
  recall(forgotten);
  // Where no key of 256 can be read, or a damaged one leads back, there is no way on.
  if (count < locations.size() || *at.from <= before) at.from.reset();
  return forgotten.size();
}

std::vector<Location> LiveState::forgotten_of(const EpochGuard& guard,
                                              std::span<const Location> locations,
                                              Bytes& last_key) const {
  std::vector<std::pair<std::uint64_t, Location>> hashed;
  hashed.reserve(locations.size());
  prefetch(locations, 1);
  for (const Location location : locations) {
    Found found;
    if (!read_key(location, found)) continue;
    last_key = found.entry.key;
    if (found.entry.is_remove()) continue;
    hashed.emplace_back(hash_key(Space::user, found.entry.key), location);
    table_.prefetch(guard, hashed.back().first);
  }
  std::vector<Location> forgotten;
  forgotten.reserve(hashed.size());
  for (const auto& [hash, location] : hashed) {
    const auto is_it = [it = location](Location other) { return other == it; };
    if (table_.find(guard, hash, is_it) == 0) forgotten.push_back(location);
  }
  return forgotten;
}

void LiveState::recall(std::span<const Location> forgotten) {
  if (forgotten.empty()) return;
  PatientLock lock(index_mutex_);
  for (const Location location : forgotten) {
    Found found;
    // Meanwhile it may have been replaced.
    if (!read_key(location, found) || !is_in_tree(found, location)) continue;
    table_.put(hash_key(Space::user, found.entry.key), 0, location);
  }
}

bool LiveState::collect_some() {
  PatientLock lock(index_mutex_);
  for (int i = 0; i < 64; ++i) {
    if (!prune()) return false;
  }
  return true;
}

void LiveState::collect() {
  // Writers prune as well, but none of those that wait for this.
  for (int i = 0; i < 64 && collect_some(); ++i) {
  }
  if (undo_.size() == 0) undo_.collect();
  PatientLock lock(index_mutex_);
  table_.collect();
}

bool LiveState::go_on_growing() {
  PatientLock lock(index_mutex_);
  grow_table(kChangesWithoutWrites, user_index_.tree.size());
  return table_.is_growing();
}

std::uint64_t LiveState::index_bytes_used() const {
  PatientLock lock(index_mutex_);
  std::uint64_t bytes = user_index_.tree.node_bytes() + table_.memory_bytes();
  for (const auto& index : owned_spaces_) bytes += index->tree.node_bytes();
  return bytes;
}

}  // namespace talea
