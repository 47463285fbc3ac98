// RadixTree: key -> a word of 64 bits, in key order; one writer, and readers that never wait.
//
// An adaptive radix tree whose leaves are the words themselves. A word says where an entry lies;
// the tree never holds a whole key, but asks its KeySource for the key of a word, once for each
// search that ends at a leaf. That makes it 15 to 25 bytes a key, and a search three or four cache
// misses at a million keys. The keys "alps", "alpine" and "bat":
//
//     root (list2, prefix "")
//       a -> node (list2, prefix "lp")
//              i -> leaf: word of "alpine"          the rest, "ne", is in no node
//              s -> leaf: word of "alps"
//       b -> leaf: word of "bat"
//
// A key may be the prefix of another: nodes have a slot for the end of the key ("alp" would be in
// that of the middle node). Nodes hold the first 4 or 24 bytes of their prefix, and a search takes
// the rest on trust: the key at the leaf decides. Changes and scans, for which the way itself
// matters, read the rest from the key of a leaf below.
//
// Concurrency. The writer builds nodes aside and publishes them by one store; radix_node.h says
// what changes in place. Readers hold an EpochGuard, follow what they find, and may be in nodes
// that were replaced meanwhile: these stay as they were until the guard is gone. So a reader sees
// of each key a state that was current at some time during its call. A call of rows() is no
// snapshot: it sees each key that was there throughout, each at most once, in order.
//
// Source: Leis, Kemper and Neumann, "The Adaptive Radix Tree", ICDE 2013 (deviations: more sizes of
// nodes, slots for the end instead of a terminating byte); Leis et al., "The ART of Practical
// Synchronization", DaMoN 2016, section 3.3 on readers that never restart.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/epoch.h"
#include "index/node_pool.h"
#include "index/radix_node.h"
#include "talea/bytes.h"

namespace talea {

/// Where the keys are that the tree does not hold.
///
/// The tree rests on these keys: they cannot fail to be read, and are those that were given with
/// their words. What may be damaged on its way here is to be checked before. A wrong key hides
/// itself and others; it ends the process where the tree notices.
/// Threads: safe; called by the writer and by all readers.
class KeySource {
 public:
  virtual ~KeySource() = default;
  /// The key of the entry at `word`. Valid while `scratch` is, which may hold it, and no longer
  /// than the guard of the reader.
  virtual BytesView key_at(std::uint64_t word, Bytes& scratch) const = 0;
  /// Whether `key` is that of the entry at `word`. To be overridden where a comparison is cheaper
  /// than a view of the key.
  virtual bool is_key_at(std::uint64_t word, BytesView key) const {
    Bytes scratch;
    return key_at(word, scratch) == key;
  }
  /// Asks for the first `bytes` bytes of the entries at `words`, where 0 is none. Without effect on
  /// anything but time.
  virtual void prefetch(std::span<const std::uint64_t> words, std::size_t bytes) const {
    static_cast<void>(words);
    static_cast<void>(bytes);
  }
};

/// Threads: upsert(), insert(), replace() and remove() by one thread at a time, which holds no
/// EpochGuard of the domain; the const members by any number of threads, at any time.
class RadixTree {
 public:
  /// Bit 0 is clear: the tree needs it.
  using Word = std::uint64_t;

  enum class Direction : std::uint8_t { ascending, descending };
  /// Where rows begin.
  struct Bound {
    BytesView key;
    bool inclusive = true;
  };

  /// What whoever asks for rows is about to read: the entries of so many, and of each so much.
  struct Ahead {
    std::size_t rows = 0;
    std::size_t bytes = 0;
  };

  /// Both outlive the tree. `retired_bytes_max`: how many bytes of replaced nodes may wait for
  /// readers to leave; then changes wait.
  RadixTree(EpochDomain& epochs, const KeySource& keys,
            std::uint64_t retired_bytes_max = RetireList::kBytesMax);
  /// No reader is left inside.
  ~RadixTree() = default;

  /// Sets the word of `key` and returns the one it had.
  std::optional<Word> upsert(BytesView key, Word word);
  /// Sets the word of `key` if it has none; else changes nothing and returns the one it has.
  std::optional<Word> insert(BytesView key, Word word);
  /// Sets the word of `key` if it is `expected`, the word of an entry with this very key; says
  /// whether it was. Reads no key: an entry has one key only.
  bool replace(BytesView key, Word expected, Word word);
  /// Removes `key` and returns the word it had.
  std::optional<Word> remove(BytesView key);

  std::optional<Word> find(const EpochGuard& guard, BytesView key) const;
  /// The one word that may be that of `key`: it is, if `key` is in the tree. For whoever wants to
  /// compare the key of its entry himself.
  std::optional<Word> find_candidate(const EpochGuard& guard, BytesView key) const;
  /// Many of these at once: `words`, as many as `keys`, get the candidates, and 0 where there is
  /// none, so that words of 0 cannot be told from none.
  /// Cost: the searches wait for memory together: half the time of one by one at a million keys.
  void find_candidates(const EpochGuard& guard, std::span<const BytesView> keys,
                       std::span<Word> words) const;
  /// The same with the keys compared, so that `words` are what find() returns, or 0.
  void find_many(const EpochGuard& guard, std::span<const BytesView> keys,
                 std::span<Word> words) const;
  /// Fills `words` with those of the keys from `from` on (from the very first or last, if absent)
  /// and returns how many there are; fewer than words.size() mean that the end was reached. To go
  /// on, begin behind the key of the last row. Words are of use while `guard` lives.
  ///
  /// `ahead`: these entries are asked for on the way, KeySource::prefetch().
  /// Cost: a search, at most one more key read for each node with a long prefix on its way, and
  /// then a few nanoseconds a row, without reading keys.
  std::size_t rows(const EpochGuard& guard, std::optional<Bound> from, Direction direction,
                   std::span<Word> words, Ahead ahead) const;
  std::size_t rows(const EpochGuard& guard, std::optional<Bound> from, Direction direction,
                   std::span<Word> words) const {
    return rows(guard, from, direction, words, {});
  }

  std::uint64_t size() const { return size_.load(std::memory_order_relaxed); }
  /// What was taken from the system, in regions of 2 MiB. For the writer.
  std::uint64_t memory_bytes() const { return pool_.memory_bytes(); }
  /// Exactly the nodes, with those that await their last reader. For the writer.
  std::uint64_t node_bytes() const { return pool_.block_bytes(); }
  /// Frees what no reader can see any more. Changes do this, too, but not after the last one.
  void collect() { retired_.collect(); }

 private:
  /// Returns the memory of nodes that nobody sees any more.
  class PoolReclaimer final : public Reclaimer {
   public:
    explicit PoolReclaimer(NodePool& pool) : pool_(pool) {}
    void reclaim(void* block) override { pool_.free(block); }

   private:
    NodePool& pool_;
  };
  struct Place;
  class Walk;

  static radix::Ref child_towards(radix::Ref node, BytesView key, std::size_t& depth);
  Place descend(BytesView key);
  BytesView key_below(radix::Ref ref, Bytes& scratch) const;
  int compare_prefix(radix::Ref node, BytesView key, std::size_t depth) const;
  std::optional<Word> seek(Walk& walk, const Bound& from, bool ascending) const;
  enum class IfPresent : std::uint8_t { replace, keep };
  std::optional<Word> put(BytesView key, Word word, IfPresent if_present);

  void insert_at_fork(const Place& place, BytesView key, radix::Ref leaf, BytesView other,
                      std::size_t fork);
  void insert_in_node(radix::Slot& slot, std::size_t depth, BytesView key, radix::Symbol symbol,
                      radix::Ref leaf);
  void split_leaf(radix::Slot& slot, std::size_t depth, BytesView key, radix::Ref leaf,
                  BytesView other, std::size_t fork);
  void split_prefix(radix::Slot& slot, std::size_t depth, BytesView key, radix::Ref leaf,
                    const char* prefix, std::size_t fork);
  void shrink(radix::Slot& slot, std::size_t depth, BytesView key);
  void merge_with_child(radix::Slot& slot, std::size_t depth, BytesView key);
  void replace_node(radix::Slot& slot, radix::Ref replacement);

  const KeySource& keys_;
  NodePool pool_;
  PoolReclaimer reclaimer_{pool_};
  RetireList retired_;
  radix::Slot root_;
  std::atomic<std::uint64_t> size_ = 0;
};

}  // namespace talea
