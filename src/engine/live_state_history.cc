// What LiveState does with past revisions. They are looked for from the newest to the oldest: what
// takes a place is there before what had it is gone; history.h says where that goes.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "engine/live_state.h"
#include "index/key_hash.h"

namespace talea {

std::size_t LiveState::cut_history() {
  if (!history_.keeps()) return 0;
  UrgentLock lock(index_mutex_);
  return history_.cut();
}

Result<bool> LiveState::find_newest(const EpochGuard&, Space space, BytesView key,
                                    Found& out) const {
  // Asked before and after: as in find_anywhere().
  const bool was_complete = is_complete();
  out = {};
  if (const Location location = find_latest(space, key, hash_key(space, key), out); location != 0) {
    (void)read(location, out);  // also what find_latest() does not open; or the check fails
    TALEA_TRY(out.check(VerifyReads::once));
    return true;
  }
  // What stands in its place may be the key itself, damaged.
  if (out.state != nullptr) TALEA_TRY(out.check(VerifyReads::once));
  if (was_complete && is_complete()) return false;
  const std::optional<RunRevision> row = TALEA_TRY(runs()->get(space, key));
  if (!row || row->tombstone) return false;
  TALEA_TRY(read_checked(TALEA_TRY(location_of(space, key, *row)), out));
  return true;
}

// Damage ends the search: behind it there may be anything.
Result<Location> LiveState::newest_in_buffers(const History::View& view, Space space, BytesView key,
                                              const RevisionLimit& limit) const {
  const std::uint64_t hash = hash_key(space, key);
  Status damage;
  const auto is_admitted = [&](Location location) {
    Found found;
    if (!read(location, found) || !found.is_intact(VerifyReads::once)) {
      if (damage.ok()) damage = found.state == nullptr ? no_segment(location) : found.corruption();
      return false;
    }
    if (found.sequence() > limit.sequence_max) return false;
    return limit.time_max == UINT64_MAX ||
           found.segment().time_at(found.offset, found.entry) <= limit.time_max;
  };
  for (auto buffer = view.buffers.rbegin(); buffer != view.buffers.rend(); ++buffer) {
    const Location location = (*buffer)->newest(hash, is_admitted);
    TALEA_TRY(Status(damage));
    if (location == 0) continue;
    Found found;
    const bool is_there = read(location, found);
    TALEA_ASSERT(is_there);
    if (found.entry.key == key && Space{found.entry.space} == space) return location;
    // Two keys have the same hash: one by one.
    std::vector<Location> all;
    (*buffer)->list(hash, all);
    for (const Location each : all) {
      const bool is_one = is_admitted(each) && read(each, found) && found.entry.key == key &&
                          Space{found.entry.space} == space;
      TALEA_TRY(Status(damage));
      if (is_one) return each;
    }
  }
  return Location{0};
}

Status LiveState::no_segment(Location location) {
  return Status::corruption("a past revision of a key is in segment " +
                            std::to_string(segment_of(location)) + ", which is not there");
}

Result<LiveState::Found> LiveState::entry_of_row(Space space, BytesView key,
                                                 const RunRevision& row) const {
  Found found;
  TALEA_TRY(read_checked(TALEA_TRY(location_of(space, key, row)), found));
  return found;
}

Result<LiveState::Past> LiveState::find_past(const EpochGuard& guard, Space space, BytesView key,
                                             const RevisionLimit& limit, Found& out) const {
  const auto past_of = [](const Found& found) {
    return found.entry.is_remove() ? Past::absent : Past::found;
  };
  if (TALEA_TRY(find_newest(guard, space, key, out)) &&
      limit.admits(out.sequence(), out.segment().time_at(out.offset, out.entry))) {
    return past_of(out);
  }
  const History::View view = history_.view();
  if (history_.keeps()) {
    // What is in a buffer is younger than what is in a run, or the same.
    const Location buffered = TALEA_TRY(newest_in_buffers(view, space, key, limit));
    if (buffered != 0) {
      const bool is_there = read(buffered, out);
      TALEA_ASSERT(is_there);
      return past_of(out);
    }
    const std::optional<RunRevision> row = TALEA_TRY(find_row(*view.runs, space, key, limit));
    if (row && row->tombstone) return Past::absent;
    if (row) {
      out = TALEA_TRY(entry_of_row(space, key, *row));
      return Past::found;
    }
  }
  out = {};
  const bool is_known =
      history_.keeps()
          ? limit.sequence_max >= view.from.sequence && limit.time_max >= view.from.time_ms
          : limit.sequence_max >= published() && limit.time_max == UINT64_MAX;
  return is_known ? Past::absent : Past::unknown;
}

Result<std::vector<Revision>> LiveState::list_revisions(const EpochGuard& guard, Space space,
                                                        BytesView key, Sequence before,
                                                        std::uint64_t max) const {
  std::vector<Revision> revisions;
  const auto is_wanted = [&](Sequence sequence) {
    return revisions.size() < max && sequence < before &&
           (revisions.empty() || sequence < revisions.back().sequence);
  };
  const auto add = [&](const Found& found) -> Status {
    TALEA_TRY(found.check(VerifyReads::once));
    Revision revision{.sequence = found.sequence(),
                      .time_ms = found.segment().time_at(found.offset, found.entry),
                      .is_remove = found.entry.is_remove(),
                      .expiry_ms = found.entry.expiry_ms()};
    if (found.entry.is_extent_list()) {
      if (const auto list = decode_extent_list(found.entry.value))
        revision.value_bytes = list->bytes;
    } else if (!revision.is_remove) {
      revision.value_bytes = found.entry.raw_value_bytes();
    }
    if (is_wanted(revision.sequence)) revisions.push_back(revision);
    return {};
  };

  Found found;
  const bool has_newest = TALEA_TRY(find_newest(guard, space, key, found));
  const History::View view = history_.view();
  if (has_newest) TALEA_TRY(add(found));
  if (!history_.keeps()) return revisions;
  std::vector<Location> locations;
  for (auto buffer = view.buffers.rbegin(); buffer != view.buffers.rend(); ++buffer) {
    (*buffer)->list(hash_key(space, key), locations);
  }
  const auto is_too_young = [&](Location location) {
    Found young;
    return read_key(location, young) && young.sequence() >= before;
  };
  auto wanted = std::partition_point(locations.begin(), locations.end(), is_too_young);
  for (; wanted != locations.end(); ++wanted) {
    const Location location = *wanted;
    if (revisions.size() >= max) return revisions;
    if (!read(location, found)) return no_segment(location);
    TALEA_TRY(found.check(VerifyReads::once));
    if (found.entry.key == key && Space{found.entry.space} == space) TALEA_TRY(add(found));
  }
  HistoryRows rows(view.runs);
  const Bytes row_key = run_row_key(space, key);
  const Sequence below = revisions.empty() ? before : std::min(before, revisions.back().sequence);
  if (below == 0) return revisions;
  for (TALEA_TRY(rows.seek(row_key, below - 1)); rows.valid() && rows.row_key() == row_key;) {
    if (revisions.size() >= max) break;
    const RunRevision row = rows.revision();
    if (row.tombstone) {
      if (is_wanted(row.sequence)) {
        revisions.push_back({.sequence = row.sequence, .time_ms = row.time_ms, .is_remove = true});
      }
    } else {
      TALEA_TRY(add(TALEA_TRY(entry_of_row(space, key, row))));
    }
    TALEA_TRY(rows.next());
  }
  return revisions;
}

// --- Compaction ----------------------------------------------------------------------------------

Result<LiveState::Kept> LiveState::is_kept(const History::View& view, const Move& entry) const {
  if (!keeps_history_of(entry.space)) return Kept::no;
  Found found;
  const bool is_there = read(entry.from, found);
  TALEA_ASSERT(is_there);
  if (view.contains(hash_key(entry.space, entry.key), entry.from, older_than(found.sequence()))) {
    return Kept::in_buffer;
  }
  const std::optional<RunRevision> row =
      TALEA_TRY(find_exact_row(*view.runs, entry.space, entry.key, found.sequence()));
  const bool is_this = row && !row->tombstone && row->address.segment == segment_of(entry.from) &&
                       row->address.offset == offset_of(entry.from);
  return is_this ? Kept::in_run : Kept::no;
}

bool LiveState::relocate_past(const History::View& view, const Move& copy, std::uint64_t hash,
                              Location location, std::vector<Location>& moved) {
  if (!keeps_history_of(copy.space)) return false;
  Found found;
  const bool is_there = read(copy.from, found);
  TALEA_ASSERT(is_there);
  if (view.replace(hash, copy.from, location, older_than(found.sequence()))) return true;
  if (copy.is_in_history_run) moved.push_back(location);
  return copy.is_in_history_run;
}

void LiveState::give_up(const absl::flat_hash_map<std::uint32_t, std::uint64_t>& bytes_by_segment,
                        std::span<const ExtentList> large) {
  PatientLock lock(index_mutex_);
  for (const auto& [id, bytes] : bytes_by_segment) {
    SegmentState* const state = segments_.find(id);  // what rows say of others makes no sense
    if (state != nullptr) state->remove_live(std::min(state->live_bytes(), bytes));
  }
  for (const ExtentList& list : large) give_up_value(list);
}

void LiveState::add_bytes_of_values(
    std::span<const ExtentList> large,
    absl::flat_hash_map<std::uint32_t, std::uint64_t>& bytes_by_segment) {
  absl::flat_hash_map<std::uint64_t, std::uint64_t> given_up;  // of each value
  PatientLock lock(index_mutex_);
  for (const ExtentList& list : large) {
    const auto references = references_.find(list.value_id);
    TALEA_ASSERT(references != references_.end());
    if (++given_up[list.value_id] < references->second) continue;
    for (const ExtentPiece& piece : list.pieces) {
      bytes_by_segment[piece.segment] += piece.disk_bytes();
    }
  }
}

}  // namespace talea
