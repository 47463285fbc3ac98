#include "engine/changed_rows.h"

#include <algorithm>

#include "base/assert.h"

namespace talea {

namespace {

// Between two looks whether the store is closing.
constexpr std::size_t kRowsAtOnce = 1024;

// How many rows ahead of the one that is visited memory is asked for.
constexpr std::size_t kRowsAhead = 16;

// What an entry costs on one way, of what a key costs on the other; see the top of the header.
constexpr std::uint64_t kKeysPerEntry = 3;

std::size_t common_prefix(BytesView left, BytesView right, std::size_t max) {
  const std::size_t end = std::min({left.size(), right.size(), max});
  std::size_t bytes = 0;
  while (bytes < end && left[bytes] == right[bytes]) ++bytes;
  return bytes;
}

// Of the eight bytes from `begin` on: compares as they do. A key that ends there comes first, or
// equal to one that goes on with zeros.
std::uint64_t order_of(BytesView key, std::size_t begin) {
  std::uint64_t order = 0;
  for (std::size_t i = begin; i < begin + 8; ++i) {
    const auto byte = i < key.size() ? static_cast<unsigned char>(key[i]) : 0U;
    order = order << 8 | byte;
  }
  return order;
}

}  // namespace

ChangedRows::ChangedRows(const Setup& setup) : setup_(setup) {
  for (std::shared_ptr<SegmentState>& state : setup_.live.segments()) {
    const SegmentHeader& header = state->segment->header();
    const bool is_younger = header.kind == SegmentKind::log && header.id >= setup_.to;
    if (header.kind == SegmentKind::extent || header.id < setup_.from || is_younger) continue;
    entries_ += state->fill().entries;
    segments_.push_back(std::move(state));
  }
}

bool ChangedRows::pays_to_go_by_entries() const {
  return entries_ * sizeof(Row) <= setup_.memory_bytes_max &&
         entries_ * kKeysPerEntry < setup_.live.leaves();
}

Status ChangedRows::visit(const LiveState::VisitEntry& visit) {
  if (!pays_to_go_by_entries()) return visit_by_keys(visit);
  bool any_visited = false;
  Status visited = visit_by_entries([&](const LiveState::Found& found) {
    any_visited = true;
    return visit(found);
  });
  if (visited.code() != Code::corruption || any_visited) return visited;
  return visit_by_keys(visit);
}

// --- By keys -------------------------------------------------------------------------------------

Status ChangedRows::visit_by_keys(const LiveState::VisitEntry& visit) {
  const auto visit_changed = [&](const LiveState::Found& found) -> Status {
    if (found.segment().id() < setup_.from) return {};  // a run has it
    TALEA_TRY(found.check(VerifyReads::once));
    return visit(found);
  };
  std::optional<LiveState::Reached> reached = LiveState::Reached{};
  while (reached) {
    TALEA_TRY(setup_.check_running());
    reached = TALEA_TRY(
        setup_.live.visit_rows(*reached, setup_.at, setup_.from, kRowsAtOnce, visit_changed));
  }
  return {};
}

// --- By entries ----------------------------------------------------------------------------------

Status ChangedRows::visit_by_entries(const LiveState::VisitEntry& visit) {
  TALEA_TRY(collect());
  sort();
  for (const SpaceRows& space : spaces_) {
    const std::vector<Row>& rows = space.rows;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i % kRowsAtOnce == 0) TALEA_TRY(setup_.check_running());
      if (i + kRowsAhead < rows.size()) setup_.live.prefetch(rows[i + kRowsAhead].location);
      TALEA_TRY(visit_row(rows[i], visit));
    }
  }
  return {};
}

Status ChangedRows::visit_row(const Row& row, const LiveState::VisitEntry& visit) const {
  LiveState::Found found;
  // It was when it was collected; what lies on a disk may change.
  if (!setup_.live.read(row.location, found)) return found.corruption();
  return visit(found);
}

Status ChangedRows::collect() {
  for (const std::shared_ptr<SegmentState>& state : segments_) {
    TALEA_TRY(collect_from(*state->segment, state->fill().end));
  }
  return {};
}

Status ChangedRows::collect_from(const Segment& segment, std::uint64_t end) {
  std::array<LiveState::Move, LiveState::kMovedAtOnce> entries;
  std::size_t count = 0;
  std::size_t seen = 0;
  KeptKeys keys;  // of `entries`
  const bool are_copied = segment.header().is_encrypted();
  StoredEntry entry;
  for (std::uint64_t offset = segment.next_entry(kSegmentHeaderBytes); offset < end;
       offset = segment.next_entry(offset + entry.bytes)) {
    if (seen++ % kRowsAtOnce == 0) TALEA_TRY(setup_.check_running());
    const auto at = static_cast<std::uint32_t>(offset);
    if (!segment.peek(at, entry) || !segment.is_intact(at, entry, VerifyReads::once)) {
      return segment.corruption_at(offset, "no intact entry is there");
    }
    entries[count++] = {Space{entry.space}, keys.keep(entry), location_at(segment.id(), at), {}};
    if (count < entries.size()) continue;
    TALEA_TRY(keep_changed(entries, are_copied));
    count = 0;
    keys.clear();
  }
  return keep_changed(std::span(entries).first(count), are_copied);
}

Status ChangedRows::keep_changed(std::span<const LiveState::Move> entries, bool are_copied) {
  std::array<bool, LiveState::kMovedAtOnce> seen{};
  TALEA_TRY(setup_.live.are_seen_at(setup_.at, entries, seen));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!seen[i]) continue;
    const BytesView key = keys_.keep(entries[i].key, are_copied);
    rows_of(entries[i].space).push_back({0, key, entries[i].from});
  }
  return {};
}

std::vector<ChangedRows::Row>& ChangedRows::rows_of(Space space) {
  auto at = std::lower_bound(spaces_.begin(), spaces_.end(), space,
                             [](const SpaceRows& rows, Space of) { return rows.space < of; });
  if (at == spaces_.end() || at->space != space) at = spaces_.insert(at, {space, {}});
  return at->rows;
}

// Most comparisons are of eight bytes that lie side by side, and not of keys all over the log.
void ChangedRows::sort() {
  for (SpaceRows& space : spaces_) {
    std::vector<Row>& rows = space.rows;
    const BytesView first = rows.front().key;
    std::size_t common = first.size();
    for (const Row& row : rows) common = common_prefix(first, row.key, common);
    for (Row& row : rows) row.order = order_of(row.key, common);
    std::sort(rows.begin(), rows.end(), [](const Row& left, const Row& right) {
      return left.order != right.order ? left.order < right.order : left.key < right.key;
    });
  }
}

}  // namespace talea
