#include "engine/live_state.h"

#include <algorithm>

#include "base/assert.h"

namespace talea {

namespace {

std::uint64_t place_of(const Location& location) {
  return std::uint64_t{location.segment} << 32 | location.offset;
}

}  // namespace

void LiveState::add_segment(std::shared_ptr<const Segment> segment, const SegmentFill& fill) {
  WriteLock lock(mutex_);
  SegmentState& state = segments_[segment->id()];
  state.segment = std::move(segment);
  state.fill = fill;
}

void LiveState::replace_segment(std::shared_ptr<const Segment> segment) {
  WriteLock lock(mutex_);
  const auto at = segments_.find(segment->id());
  TALEA_ASSERT(at != segments_.end());
  at->second.segment = std::move(segment);
}

void LiveState::remove_segment(std::uint32_t segment) {
  WriteLock lock(mutex_);
  segments_.erase(segment);
}

void LiveState::set_fill(std::uint32_t segment, const SegmentFill& fill) {
  WriteLock lock(mutex_);
  segments_[segment].fill = fill;
}

void LiveState::publish(std::span<const Change> changes, std::uint32_t segment,
                        const SegmentFill& fill) {
  WriteLock lock(mutex_);
  segments_[segment].fill = fill;
  for (const Change& change : changes) {
    const std::optional<Location> old =
        change.is_remove ? index_.remove(change.space, change.key)
                         : index_.upsert(change.space, change.key, change.location);
    if (old) discount(*old);
    if (!change.is_remove) account(change);
  }
}

void LiveState::account(const Change& change) {
  const auto at = segments_.find(change.location.segment);
  TALEA_ASSERT(at != segments_.end());
  at->second.live_bytes += change.location.bytes;
  if (change.extents == nullptr) return;
  extents_[place_of(change.location)] = *change.extents;
  if (++references_[change.extents->value_id] > 1) return;
  for (const ExtentPiece& piece : change.extents->pieces) {
    segments_[piece.segment].live_bytes += piece.disk_bytes();
  }
}

void LiveState::discount(const Location& old) {
  segments_[old.segment].live_bytes -= old.bytes;
  if (extents_.empty()) return;
  const auto at = extents_.find(place_of(old));
  if (at == extents_.end()) return;
  const auto references = references_.find(at->second.value_id);
  TALEA_ASSERT(references != references_.end());
  if (--references->second == 0) {
    references_.erase(references);
    for (const ExtentPiece& piece : at->second.pieces) {
      segments_[piece.segment].live_bytes -= piece.disk_bytes();
    }
  }
  extents_.erase(at);
}

LiveState::Found LiveState::found(const Location& location) const {
  const auto at = segments_.find(location.segment);
  TALEA_ASSERT(at != segments_.end() && at->second.segment != nullptr);
  return {location, at->second.segment};
}

std::optional<LiveState::Found> LiveState::find(Space space, BytesView key) const {
  ReadLock lock(mutex_);
  const std::optional<Location> location = index_.find(space, key);
  if (!location) return std::nullopt;
  return found(*location);
}

std::vector<LiveState::FoundRow> LiveState::rows_after(Space space, BytesView from, bool inclusive,
                                                       std::size_t count) const {
  ReadLock lock(mutex_);
  std::vector<FoundRow> rows;
  auto row = index_.at_or_after(space, from, inclusive);
  while (row && rows.size() < count) {
    rows.push_back({std::move(row->key), found(row->location)});
    row = index_.at_or_after(space, rows.back().key, false);
  }
  return rows;
}

std::vector<LiveState::FoundRow> LiveState::rows_before(Space space,
                                                        std::optional<BytesView> before,
                                                        std::size_t count) const {
  ReadLock lock(mutex_);
  std::vector<FoundRow> rows;
  auto row = index_.before(space, before);
  while (row && rows.size() < count) {
    rows.push_back({std::move(row->key), found(row->location)});
    row = index_.before(space, rows.back().key);
  }
  return rows;
}

std::shared_ptr<const Segment> LiveState::segment(std::uint32_t id) const {
  ReadLock lock(mutex_);
  const auto at = segments_.find(id);
  return at == segments_.end() ? nullptr : at->second.segment;
}

std::uint64_t LiveState::keys() const {
  ReadLock lock(mutex_);
  return index_.size();
}

std::uint64_t LiveState::live_bytes() const {
  ReadLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& [id, state] : segments_) bytes += state.live_bytes;
  return bytes;
}

std::vector<LiveState::SegmentState> LiveState::segments() const {
  ReadLock lock(mutex_);
  std::vector<SegmentState> all;
  for (const auto& [id, state] : segments_) {
    if (state.segment != nullptr) all.push_back(state);
  }
  std::sort(all.begin(), all.end(), [](const SegmentState& left, const SegmentState& right) {
    return left.segment->id() < right.segment->id();
  });
  return all;
}

}  // namespace talea
