// History: where the past revisions of keys are, when a store keeps them.
//
//     newest           the trees and the runs behind them, as without history
//     replaced since   buffers, in memory: hash of the key -> locations, oldest first
//       the last cut
//     replaced before  history runs, sorted by key, of each key the newest first
//
// A revision comes into the newest buffer when another takes its place, before readers can see that
// one. A removal is a revision as well, and comes in at once. The cut of a checkpoint begins a new
// buffer; those before it are written to a run, and go when that is read in their place. So, of a
// key, all that is newer than a revision in a run is in runs, in buffers, or the newest:
//
// What is kept of a key has no gaps. The oldest goes first, and nothing else goes. Whoever finds
// the youngest revision that is not younger than a moment has what the key was at that moment.
// Whoever finds none knows that the key was absent if the moment is not below `from`, and knows
// nothing if it is.
//
// Layers of history runs do not follow each other in time: compaction writes rows of old revisions
// anew, with their new places, into the newest layer. So the newest layer decides about a row, and
// all have to be asked for the youngest.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "engine/location.h"
#include "index/run_set.h"
#include "talea/history.h"

namespace talea {

/// Locations of revisions by the hash of their keys. Cost: 20 to 40 bytes of memory for each.
///
/// Threads: safe.
class HistoryBuffer {
 public:
  HistoryBuffer() = default;
  ~HistoryBuffer();
  HistoryBuffer(const HistoryBuffer&) = delete;
  HistoryBuffer& operator=(const HistoryBuffer&) = delete;

  /// Adds one that is newer than all of its key.
  void add(std::uint64_t hash, Location location);
  /// Takes out one that was added by the same batch.
  void take_back(std::uint64_t hash, Location location);
  /// Whether `location` is here. `is_older` holds for those that are older than it.
  template <typename IsOlder>
  bool contains(std::uint64_t hash, Location location, IsOlder is_older) const;
  /// A revision that lies somewhere else now; false when it is not here.
  template <typename IsOlder>
  bool replace(std::uint64_t hash, Location from, Location to, IsOlder is_older);
  /// The newest under the hash for which `accept` holds. It holds for all that are older than one
  /// for which it does. 0 when there is none.
  template <typename Accept>
  Location newest(std::uint64_t hash, Accept accept) const;
  /// Appends those under a hash to `out`, newest first.
  void list(std::uint64_t hash, std::vector<Location>& out) const;
  /// Appends all to `out`.
  void list_all(std::vector<Location>& out) const;

  std::uint64_t size() const { return size_.load(std::memory_order_relaxed); }
  std::uint64_t memory_bytes() const;

 private:
  // A location, whose bit 0 is clear, or the address of a list of several, plus 1.
  using Word = std::uint64_t;
  using List = std::vector<Location>;
  struct HashOfHash {
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };
  // Many, so that none grows for long while a writer waits for it.
  static constexpr std::size_t kShards = 64;
  struct Shard {
    mutable Mutex mutex;
    absl::flat_hash_map<std::uint64_t, Word, HashOfHash> words TALEA_GUARDED_BY(mutex);
    std::uint64_t list_bytes TALEA_GUARDED_BY(mutex) = 0;
  };

  // Those of one sequence are few: keys with the same hash in one batch.
  template <typename IsOlder>
  static Location* find_in(Word& word, Location location, IsOlder is_older);
  static bool is_list(Word word) { return (word & 1) != 0; }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): as Word says.
  static List& list_of(Word word) { return *reinterpret_cast<List*>(word - 1); }
  static std::uint64_t bytes_of(const List& list);
  Shard& shard(std::uint64_t hash) { return shards_[hash >> 58]; }
  const Shard& shard(std::uint64_t hash) const { return shards_[hash >> 58]; }

  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> size_{0};
};

/// Threads: safe, but for what says otherwise.
class History {
 public:
  using Buffers = std::vector<std::shared_ptr<HistoryBuffer>>;

  /// From where on all is known.
  struct From {
    Sequence sequence = 0;
    std::uint64_t time_ms = 0;
  };

  /// Before the store is used.
  void set_keeps(bool keeps) { keeps_ = keeps; }
  /// Whether past revisions are kept.
  bool keeps() const { return keeps_; }

  // By whoever publishes, one thread at a time.
  void add(std::uint64_t hash, Location location) { newest_->add(hash, location); }
  void take_back(std::uint64_t hash, Location location) { newest_->take_back(hash, location); }
  /// What is added from now on goes into a new buffer. Returns how many there are before it.
  std::size_t cut() TALEA_EXCLUDES(mutex_);

  /// Runs stand for the oldest `written` buffers as well from now on.
  void set_runs(std::shared_ptr<const RunSet> runs, const From& from, std::size_t written)
      TALEA_EXCLUDES(mutex_);

  /// All that is there, at one moment.
  struct View {
    Buffers buffers;  // oldest first; immutable but for their content
    std::shared_ptr<const RunSet> runs;
    From from;

    /// As HistoryBuffer's.
    template <typename IsOlder>
    bool contains(std::uint64_t hash, Location location, IsOlder is_older) const {
      return std::any_of(buffers.begin(), buffers.end(), [&](const auto& buffer) {
        return buffer->contains(hash, location, is_older);
      });
    }
    template <typename IsOlder>
    bool replace(std::uint64_t hash, Location old, Location to, IsOlder is_older) const {
      return std::any_of(buffers.begin(), buffers.end(), [&](const auto& buffer) {
        return buffer->replace(hash, old, to, is_older);
      });
    }
  };
  View view() const TALEA_EXCLUDES(mutex_);

  std::uint64_t buffered() const TALEA_EXCLUDES(mutex_);
  std::uint64_t memory_bytes() const TALEA_EXCLUDES(mutex_);

 private:
  bool keeps_ = false;
  mutable Mutex mutex_;
  Buffers buffers_ TALEA_GUARDED_BY(mutex_) = {std::make_shared<HistoryBuffer>()};
  HistoryBuffer* newest_ = initial();  // of buffers_; used and changed by whoever publishes
  std::shared_ptr<const RunSet> runs_ TALEA_GUARDED_BY(mutex_) = RunSet::of({});
  From from_ TALEA_GUARDED_BY(mutex_);

  HistoryBuffer* initial() {
    MutexLock lock(mutex_);
    return buffers_.back().get();
  }
};

template <typename IsOlder>
Location* HistoryBuffer::find_in(Word& word, Location location, IsOlder is_older) {
  constexpr std::ptrdiff_t kLooksMax = 8;
  if (!is_list(word)) return word == location ? &word : nullptr;
  List& list = list_of(word);
  const auto begin = std::partition_point(list.begin(), list.end(), is_older);
  const auto end = begin + std::min(kLooksMax, list.end() - begin);
  const auto at = std::find(begin, end, location);
  return at == end ? nullptr : &*at;
}

template <typename IsOlder>
bool HistoryBuffer::contains(std::uint64_t hash, Location location, IsOlder is_older) const {
  const Shard& of = shard(hash);
  MutexLock lock(of.mutex);
  const auto at = of.words.find(hash);
  if (at == of.words.end()) return false;
  Word word = at->second;
  return find_in(word, location, is_older) != nullptr;
}

template <typename IsOlder>
bool HistoryBuffer::replace(std::uint64_t hash, Location from, Location to, IsOlder is_older) {
  Shard& of = shard(hash);
  MutexLock lock(of.mutex);
  const auto at = of.words.find(hash);
  if (at == of.words.end()) return false;
  Location* const place = find_in(at->second, from, is_older);
  if (place == nullptr) return false;
  *place = to;
  return true;
}

template <typename Accept>
Location HistoryBuffer::newest(std::uint64_t hash, Accept accept) const {
  const Shard& of = shard(hash);
  MutexLock lock(of.mutex);
  const auto at = of.words.find(hash);
  if (at == of.words.end()) return 0;
  if (!is_list(at->second)) return accept(at->second) ? at->second : 0;
  const List& list = list_of(at->second);
  const auto end = std::partition_point(list.begin(), list.end(), accept);
  return end == list.begin() ? 0 : *(end - 1);
}

}  // namespace talea
