#include "bucketdb/entry_cache.h"

namespace talea::bucketdb {
namespace {

constexpr std::uint64_t kOverheadBytes = 128;  // of what is around an entry, about

}  // namespace

std::optional<Bytes> EntryCache::find(const Place& place) {
  MutexLock lock(mutex_);
  const auto found = by_place_.find(place);
  if (found == by_place_.end()) return std::nullopt;
  kept_.splice(kept_.begin(), kept_, found->second);
  return kept_.front().entry;
}

void EntryCache::add(const Place& place, BytesView entry) {
  if (entry.size() + kOverheadBytes > bytes_max_ / 8) return;
  MutexLock lock(mutex_);
  if (by_place_.count(place) != 0) return;
  kept_.push_front({place, Bytes(entry)});
  by_place_[place] = kept_.begin();
  bytes_ += entry.size() + kOverheadBytes;
  while (bytes_ > bytes_max_) {
    bytes_ -= kept_.back().entry.size() + kOverheadBytes;
    by_place_.erase(kept_.back().place);
    kept_.pop_back();
  }
}

void EntryCache::clear() {
  MutexLock lock(mutex_);
  kept_.clear();
  by_place_.clear();
  bytes_ = 0;
}

}  // namespace talea::bucketdb
