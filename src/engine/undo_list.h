// UndoList: which entry a change replaced, for as long as an open snapshot may ask.
//
// The index holds the newest entry of a key only. A reader with a snapshot that meets an entry
// which is younger than the snapshot asks here for the one that stood in its place: among the
// changes of the key above the snapshot the oldest tells it. Every overwrite and every removal is
// noted, also when no snapshot is open (to ask first whether one is, would be a race), and is
// pruned at once if none is. So the list costs a few nanoseconds a write, and searches may cost
// more.
//
//     positions   512 ............ 768 ............ 1024 ....
//                 [ chunk ] ------> [ chunk ] ------> [ chunk ]     the writer's: a queue
//                  ^ begin, head                        ^ end
//     newest_     hash -> position of its newest change             the readers': an index
//     links       change -> the one before it with the same hash, and one far before it
//
// The writer knows nothing of the index. A reader that searches brings it up to date first, under a
// mutex that the writer never takes. So the first search after a million writes is slow, and all
// others are not. Pruning does not touch the index either: positions only grow, and what lies below
// the head is not there any more, wherever it is still mentioned.
//
// The changes of a key are searched from the newest on, along their links. The far link of the
// n-th change of a key leads to that whose number is n without its lowest set bit, so that a search
// takes O(log^2) steps also for a key that was overwritten a million times.
// Source: Fenwick, "A new data structure for cumulative frequency tables", 1994, for the numbers.
//
// Why no reader is in a chunk that the writer uses again. Readers search one after the other. Each
// publishes in walked_from_ that it may be anywhere, then loads head_, and then publishes the
// position where that begins; behind it everything stays. The writer stores the new head_ first and
// then looks at walked_from_, and takes back what lies below both. These operations are seq_cst: if
// the writer looked before the reader published, the reader finds the new head_.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>

#include "base/assert.h"
#include "base/mutex.h"
#include "talea/batch.h"

namespace talea {

/// Threads: append() and prune() by one thread at a time, the writer; the others by any number of
/// threads, at any time.
class UndoList {
 public:
  using Word = std::uint64_t;

  /// At `superseded_at`, `new_word` took the place of `old_word` under a key with this hash.
  struct Change {
    std::uint64_t hash = 0;
    Word old_word = 0;
    Word new_word = 0;
    Sequence superseded_at = 0;
  };

  UndoList();
  UndoList(const UndoList&) = delete;
  UndoList& operator=(const UndoList&) = delete;
  /// No reader is left inside.
  ~UndoList();

  /// Notes a change. To be called *before* a reader can meet the new word: one that meets it and
  /// finds nothing here concludes that the key was absent. `superseded_at` never falls.
  /// Cost: 2 ns; an allocation of 8 KiB for each 256 changes that are not pruned.
  void append(const Change& change) {
    TALEA_ASSERT(change.superseded_at >= newest_sequence_);
    newest_sequence_ = change.superseded_at;
    const std::uint64_t position = end_.load(std::memory_order_relaxed);
    tail_->changes[position % kChunkChanges] = change;
    // Release: pairs with catch_up().
    end_.store(position + 1, std::memory_order_release);
    if ((position + 1) % kChunkChanges == 0) [[unlikely]]
      add_chunk();
  }

  /// Drops changes that were superseded at `through` or before, oldest first, `max` at most, after
  /// calling on_pruned(change) for each. True if more remain. `through`: what SnapshotRegistry
  /// allows.
  template <typename OnPruned>
  bool prune(Sequence through, std::size_t max, OnPruned on_pruned);

  /// The word that stood under a key at sequence `at`, if a change above `at` replaced it: of all
  /// changes with `hash`, above `at`, for whose old word accept(word) is true, that of the oldest
  /// one. Otherwise 0. `at` is pinned. `accept` tells whether an entry has the very key; no lock is
  /// held meanwhile.
  ///
  /// The word that is returned may itself be younger than `at`: then the key was absent at `at`.
  ///
  /// Cost: some hundred nanoseconds, and about as much once for each change since the last search.
  template <typename Accept>
  Word find(std::uint64_t hash, Sequence at, Accept accept) const;

  /// Gives memory of the index back that only changes needed that are pruned; searches do so, too,
  /// but not after the last one. Cost: up to that of a search after as many changes.
  void collect() TALEA_EXCLUDES(mutex_);

  /// How many changes there are.
  std::uint64_t size() const {
    // Acquire: what is loaded next is no older, and the end is never below the beginning.
    const std::uint64_t begin = begin_.load(std::memory_order_acquire);
    return end_.load(std::memory_order_relaxed) - begin;
  }
  std::uint64_t memory_bytes() const;

 private:
  static constexpr std::uint64_t kChunkChanges = 256;
  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();

  /// From a change to earlier ones with the same hash; positions below the head are none.
  struct Link {
    std::uint64_t previous = 0;
    std::uint64_t far = 0;
    std::uint64_t number = 0;  // of the change among those
  };
  using Links = std::array<Link, kChunkChanges>;

  struct Chunk {
    std::array<Change, kChunkChanges> changes;
    std::uint64_t first_position = 0;  // a multiple of kChunkChanges
    std::atomic<Chunk*> next = nullptr;
    std::unique_ptr<Links> links;  // the readers'; made when they need them
  };

  /// What a search found; nothing when its position is 0.
  struct Candidate {
    std::uint64_t position = 0;
    Word old_word = 0;
  };

  /// The hashes are ones already.
  struct HashOfHash {
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };

  class Walk;

  // The writer's.
  void add_chunk();
  void leave_head();
  void take_back();

  // The readers'.
  Candidate oldest_above(std::uint64_t hash, Sequence at, std::uint64_t behind) const
      TALEA_EXCLUDES(mutex_);
  void catch_up(Chunk& head) const TALEA_REQUIRES(mutex_);
  void drop_what_is_pruned(Chunk& head) const TALEA_REQUIRES(mutex_);
  void add_to_index(std::uint64_t position) const TALEA_REQUIRES(mutex_);
  void sweep() const TALEA_REQUIRES(mutex_);
  Chunk& chunk_of(std::uint64_t position) const TALEA_REQUIRES(mutex_);
  const Change& change_at(std::uint64_t position) const TALEA_REQUIRES(mutex_);
  Link& link_at(std::uint64_t position) const TALEA_REQUIRES(mutex_);
  bool is_above(std::uint64_t position, Sequence at) const TALEA_REQUIRES(mutex_);

  // Chunks from oldest_ to before head_ hold nothing any more, and await the last reader.
  Chunk* oldest_;
  Chunk* spare_ = nullptr;
  Chunk* tail_;
  Sequence newest_sequence_ = 0;
  std::atomic<std::uint64_t> begin_ = kChunkChanges;  // 0 is no position
  std::atomic<std::uint64_t> end_ = kChunkChanges;
  std::atomic<Chunk*> head_;  // the chunk of begin_
  std::atomic<std::uint64_t> chunks_ = 0;

  // On a line of its own, like the rest: the writer looks at it once in 256 changes.
  alignas(64) mutable std::atomic<std::uint64_t> walked_from_ = kNobody;
  mutable std::atomic<std::uint64_t> links_bytes_ = 0;
  mutable std::atomic<std::uint64_t> index_bytes_ = 0;
  mutable Mutex mutex_;
  mutable absl::flat_hash_map<std::uint64_t, std::uint64_t, HashOfHash> newest_
      TALEA_GUARDED_BY(mutex_);
  // The chunks from directory_begin_ on; those at the front may be gone.
  mutable std::deque<Chunk*> directory_ TALEA_GUARDED_BY(mutex_);
  mutable std::uint64_t directory_begin_ TALEA_GUARDED_BY(mutex_) = 0;
  mutable std::uint64_t indexed_end_ TALEA_GUARDED_BY(mutex_) = 0;
};

template <typename OnPruned>
bool UndoList::prune(Sequence through, std::size_t max, OnPruned on_pruned) {
  std::uint64_t begin = begin_.load(std::memory_order_relaxed);
  const std::uint64_t end = end_.load(std::memory_order_relaxed);
  for (; begin != end; --max) {
    const Change& change = head_.load(std::memory_order_relaxed)->changes[begin % kChunkChanges];
    if (change.superseded_at > through) return false;
    if (max == 0) return true;
    on_pruned(change);
    begin_.store(++begin, std::memory_order_release);
    if (begin % kChunkChanges == 0) [[unlikely]]
      leave_head();
  }
  return false;
}

template <typename Accept>
UndoList::Word UndoList::find(std::uint64_t hash, Sequence at, Accept accept) const {
  Candidate candidate = oldest_above(hash, at, 0);
  // More than once only if two keys have the same hash.
  while (candidate.position != 0 && !accept(candidate.old_word)) {
    candidate = oldest_above(hash, at, candidate.position);
  }
  return candidate.old_word;
}

}  // namespace talea
