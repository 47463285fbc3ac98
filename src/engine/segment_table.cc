#include "engine/segment_table.h"

#include <algorithm>

#include "base/assert.h"

namespace talea {

SegmentTable::~SegmentTable() = default;

std::atomic<SegmentState*>& SegmentTable::slot(std::uint32_t id) {
  const std::size_t page = id >> kPageBits;
  Directory* directory = directory_.load(std::memory_order_relaxed);
  const std::size_t length = directory == nullptr ? 0 : directory->pages.size();
  if (page >= length) {
    auto longer = std::make_unique<Directory>(std::max(page + 1, 2 * length));
    for (std::size_t i = 0; i < length; ++i) longer->pages[i].store(directory->pages[i].load());
    directory = directories_.emplace_back(std::move(longer)).get();
    directory_.store(directory, std::memory_order_release);
  }
  Page* slots = directory->pages[page].load(std::memory_order_relaxed);
  if (slots == nullptr) {
    slots = pages_.emplace_back(std::make_unique<Page>()).get();
    directory->pages[page].store(slots, std::memory_order_release);
  }
  return (*slots)[id & (kPageSlots - 1)];
}

SegmentState& SegmentTable::add(std::shared_ptr<const Segment> segment, const SegmentFill& fill) {
  const std::uint32_t id = segment->id();
  TALEA_ASSERT(id <= kLocatableSegmentMax);
  auto state = std::make_shared<SegmentState>(std::move(segment), fill);
  SegmentState& added = *state;
  MutexLock lock(mutex_);
  const bool is_new = segments_.emplace(id, std::move(state)).second;
  TALEA_ASSERT(is_new);
  slot(id).store(&added, std::memory_order_release);
  return added;
}

std::shared_ptr<SegmentState> SegmentTable::remove(std::uint32_t id) {
  MutexLock lock(mutex_);
  const auto at = segments_.find(id);
  TALEA_ASSERT(at != segments_.end());
  slot(id).store(nullptr, std::memory_order_release);
  std::shared_ptr<SegmentState> removed = std::move(at->second);
  segments_.erase(at);
  return removed;
}

std::shared_ptr<SegmentState> SegmentTable::share(std::uint32_t id) const {
  MutexLock lock(mutex_);
  const auto at = segments_.find(id);
  return at == segments_.end() ? nullptr : at->second;
}

std::vector<std::shared_ptr<SegmentState>> SegmentTable::all() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<SegmentState>> all;
  all.reserve(segments_.size());
  for (const auto& [id, state] : segments_) all.push_back(state);
  return all;
}

}  // namespace talea
