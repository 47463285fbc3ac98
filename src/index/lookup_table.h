// LookupTable: hash of a key -> a word, a cache in front of the radix tree.
//
// A search in the tree is three or four cache misses, one here. The table may forget an entry at
// any time, and so it has a fixed size, no chains and no rehashing: a bucket is one cache line of
// eight slots, and an entry that finds no empty slot takes the place of another. What it does not
// know is asked of the tree. What it knows is never out of date: the writer takes the old word out
// when it puts the new one in.
//
//     hash   | bucket: the highest bits | ...           | tag: the lowest 8 bits |
//     slot   | tag, 8 bits | word / 2, 56 bits |          0: empty
//
// A find compares eight tags and hands the words behind equal ones, most often just one, to the
// caller, who looks whether the key is the right one. Words of 2^57 and above have no room in a
// slot and are not kept.
//
// Growth. A slot does not have the hash, so entries cannot move to a larger table without their
// keys. begin_growth() maps a second table; from then on put() and erase() go to both, and the
// owner takes the words out of the first, bucket after bucket, and fills them into the second, a
// few at a time between changes. Their hashes begin with the number of the bucket, so they come to
// neighbouring buckets of the second, too. finish_growth() lets readers look into the second table
// and retires the first. What the first forgot the second does not know.
//
// Why no find() returns a word after put() or erase() took it out. A word is at any time in one
// slot of its bucket, or in none: put() replaces it where it is, and writes a new one to one slot
// only. So after the store to that slot the table has it nowhere; and a find that began later reads
// that store, or a later one. A find that began before may return it; it is then as if it had been
// made when it began. That includes a find that is still in a table that was retired meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/epoch.h"
#include "base/prefetch.h"

namespace talea {

/// Threads: find(), prefetch() and slots() by any number of threads, at any time; all others by
/// one thread at a time, the writer, which holds no EpochGuard when it calls collect().
class LookupTable {
 public:
  /// Bit 0 is clear; 0 stands for "none".
  using Word = std::uint64_t;
  static constexpr std::size_t kBucketSlots = 8;
  static constexpr std::uint64_t kBucketsTakenMax = 64;
  /// Words from here on are never kept.
  static constexpr Word kWordEnd = Word{1} << 57;

  /// `slots` is rounded up to a power of two, 16 at least. `epochs` outlives the table.
  LookupTable(EpochDomain& epochs, std::uint64_t slots);
  LookupTable(const LookupTable&) = delete;
  LookupTable& operator=(const LookupTable&) = delete;
  /// No reader is left inside.
  ~LookupTable();

  /// The word of the key with `hash` for which is_match(word) is true, or 0 if the table does not
  /// know it. `is_match` is called with words of other keys, too; what was written before their
  /// put() is visible to it.
  /// Cost: a cache miss, and what is_match costs, once for most keys that are found.
  template <typename IsMatch>
  Word find(const EpochGuard& guard, std::uint64_t hash, IsMatch is_match) const;
  /// Asks for the memory that find() will look into.
  void prefetch(const EpochGuard&, std::uint64_t hash) const {
    prefetch_line(&current_.load(std::memory_order_acquire)->bucket(hash));
  }

  /// Takes `old` out and puts `word` in, under the same hash. `old`: the word that the key had, or
  /// 0 if it had none; the table may have forgotten it. A reader finds one of both meanwhile.
  void put(std::uint64_t hash, Word old, Word word);
  /// Takes `old` out.
  void erase(std::uint64_t hash, Word old);

  /// Maps a second table of `slots`. Cost: tens of microseconds; the memory comes zeroed when it is
  /// used, 2 MiB at a time, which takes 0.1 to 0.3 ms each.
  void begin_growth(std::uint64_t slots);
  /// The words of the next buckets of the first table, of 64 at most, as far as `out` has room for
  /// all of a bucket. Nothing when the last bucket has been taken. `out`: room for a bucket.
  std::optional<std::size_t> take_next(std::span<Word> out);
  /// Whether the first table has this word under this hash.
  bool has(std::uint64_t hash, Word word) const;
  /// Gives the second table an entry that is current at this moment. Ends nothing: an entry that
  /// it knows already stays once, and one for which there is no room is forgotten.
  void fill(std::uint64_t hash, Word word);
  /// Makes the second table the only one. The first one goes when readers have left it and
  /// collect() is called.
  void finish_growth();
  bool is_growing() const { return growing_ != nullptr; }

  /// Gives memory of tables back that no reader is in any more. Cost: up to milliseconds for a
  /// table of millions of slots, so not on a path where somebody waits. Nothing when there is none.
  void collect() { retired_.collect(); }

  /// Of the table that readers see.
  std::uint64_t slots() const {
    return kBucketSlots * current_.load(std::memory_order_acquire)->buckets;
  }
  /// What is mapped, with tables that grow or await their last reader. For the writer.
  std::uint64_t memory_bytes() const;

 private:
  struct alignas(64) Bucket {
    std::array<std::atomic<std::uint64_t>, kBucketSlots> slots;
  };
  static_assert(sizeof(Bucket) == 64);

  struct Table {
    explicit Table(std::uint64_t slots);
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;
    ~Table();

    Bucket& bucket(std::uint64_t hash) const { return first_bucket[hash >> bucket_shift]; }
    std::uint64_t bytes() const { return buckets * sizeof(Bucket); }

    const std::uint64_t buckets;  // a power of two
    const int bucket_shift;
    Bucket* const first_bucket;
  };

  class TableReclaimer final : public Reclaimer {
   public:
    void reclaim(void* table) override { delete static_cast<Table*>(table); }
  };

  static constexpr std::uint64_t kTagUnit = std::uint64_t{1} << 56;

  /// The slot of `word`; 0 when there is none for it.
  static std::uint64_t slot_of(std::uint64_t hash, Word word) {
    if (word >= kWordEnd) return 0;
    return word == 0 ? 0 : hash << 56 | word >> 1;
  }
  static Word word_of(std::uint64_t slot) { return (slot << 8) >> 7; }

  using Positions = unsigned;
  static Positions positions_of(const Bucket& bucket, std::uint64_t slot);
  static void store(Bucket& bucket, Positions positions, std::uint64_t slot);
  void put_in(Bucket& bucket, std::uint64_t old, std::uint64_t slot);
  void add_to(Bucket& bucket, std::uint64_t slot, bool may_evict);

  std::atomic<Table*> current_;
  std::unique_ptr<Table> growing_;
  std::uint64_t taken_buckets_ = 0;  // of the first table, since begin_growth()
  TableReclaimer reclaimer_;
  RetireList retired_;
  std::uint64_t evictions_ = 0;
};

template <typename IsMatch>
LookupTable::Word LookupTable::find(const EpochGuard&, std::uint64_t hash, IsMatch is_match) const {
  // Acquire: the table was built before finish_growth() stored it.
  const Bucket& bucket = current_.load(std::memory_order_acquire)->bucket(hash);
  // All eight without a branch: which one it is cannot be predicted. Unrolled, and from the
  // last to the first: 9 ns instead of 11.
  const std::uint64_t tag = hash << 56;
  unsigned hits = 0;
#pragma GCC unroll 8
  for (int i = int{kBucketSlots} - 1; i >= 0; --i) {
    const std::uint64_t slot =
        bucket.slots[static_cast<std::size_t>(i)].load(std::memory_order_relaxed);
    hits = 2 * hits + unsigned{(slot ^ tag) < kTagUnit};
  }
  for (; hits != 0; hits &= hits - 1) {
    // Acquire: what the word stands for was written before put() stored it.
    const std::uint64_t slot = bucket.slots[static_cast<std::size_t>(std::countr_zero(hits))].load(
        std::memory_order_acquire);
    // Meanwhile it may be another's; and an empty one looks like tag 0.
    if ((slot ^ tag) >= kTagUnit || slot == 0) continue;
    if (is_match(word_of(slot))) return word_of(slot);
  }
  return 0;
}

}  // namespace talea
