// EntryCache: entries that were read from the bucket, as they are; the one not used for longest
// goes.
//
// A place in a data file never gets other bytes while all writers are ours. Where that broke, the
// key in the entry says so, and who finds out clears the cache.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "base/mutex.h"
#include "bucketdb/index_file.h"

namespace talea::bucketdb {

/// Threads: safe.
class EntryCache {
 public:
  explicit EntryCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  std::optional<Bytes> find(const Place& place) TALEA_EXCLUDES(mutex_);
  /// Does nothing with an entry that would take an eighth of the room.
  void add(const Place& place, BytesView entry) TALEA_EXCLUDES(mutex_);
  void clear() TALEA_EXCLUDES(mutex_);

 private:
  struct Kept {
    Place place;
    Bytes entry;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const {
      return std::hash<std::uint64_t>()(place.file.value * 0x9e3779b97f4a7c15 ^ place.offset);
    }
  };

  const std::uint64_t bytes_max_;
  Mutex mutex_;
  std::list<Kept> kept_ TALEA_GUARDED_BY(mutex_);  // the last used first
  std::unordered_map<Place, std::list<Kept>::iterator, PlaceHash> by_place_
      TALEA_GUARDED_BY(mutex_);
  std::uint64_t bytes_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea::bucketdb
