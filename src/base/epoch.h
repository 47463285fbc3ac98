// Epochs: memory that readers may still be looking at is freed once they have left.
//
// Readers of a lock-free structure enter an epoch (EpochGuard), follow pointers, and leave. The
// writer first unlinks a block, so that no new reader finds it, and then retires it. A retired
// block is freed when every reader that was inside at that moment has left:
//
//     epoch     1            2              3
//     reader A  [---------------)                     entered in 1
//     writer        unlink, retire | advance: stamp 1 |     A is inside since 1: keep
//     reader B                        [--------)      entered in 2: cannot have seen the block
//                                       A left, the oldest reader is of 2 > 1: free
//
// Source: epoch-based reclamation, Fraser, "Practical lock-freedom", 2004, section 5.2.3;
// deviation: readers publish the epoch in any free slot instead of one that their thread
// registered, so that there is no registration, threads may end at any time, and guards may nest.
//
// Why a reader that the writer did not see cannot hold a block. All operations below on epoch_ and
// on the slots are seq_cst, so they have one order S. The writer: unlink, advance epoch_, look at
// the slots. The reader: publish in a slot, *load epoch_*, follow pointers. If the look came before
// the publishing in S, then the reader's load comes after the advance, reads from it or from a
// later one, and thereby synchronises with it: the unlink happened before all that it follows. If
// the look saw an epoch above the stamp, the reader's first load of epoch_ does the same. We use
// no fences, because ThreadSanitizer does not understand them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>

namespace talea {

/// The readers of some structures, and the count of epochs.
///
/// Threads: safe.
class EpochDomain {
 public:
  /// As many guards can exist at once; one more waits until one of them is gone.
  static constexpr std::size_t kGuardsMax = 256;
  static constexpr std::uint64_t kNoReader = std::numeric_limits<std::uint64_t>::max();

  EpochDomain() = default;
  EpochDomain(const EpochDomain&) = delete;
  EpochDomain& operator=(const EpochDomain&) = delete;
  /// No guard is left.
  ~EpochDomain();

  /// Begins a new epoch and returns the one that ended. What the caller unlinked before may be
  /// freed when oldest_reader() is above it.
  std::uint64_t advance() { return epoch_.fetch_add(1, std::memory_order_seq_cst); }
  /// The epoch in which the oldest reader that is inside entered; kNoReader when none is inside.
  /// Cost: a look at each slot that was ever used.
  std::uint64_t oldest_reader() const;

 private:
  friend class EpochGuard;
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> epoch = 0;  // 0: free
  };

  std::size_t enter();

  alignas(64) std::atomic<std::uint64_t> epoch_ = 1;
  std::atomic<std::size_t> slots_used_ = 0;  // the slots from here on were never used
  std::array<Slot, kGuardsMax> slots_;
};

/// While it exists, nothing is freed that was reachable at any time since it was made.
///
/// Keep it short: for as long as it lives, memory that is retired adds up, and in the end writers
/// wait (RetireList). May nest. Cost: a locked instruction and a store, 5 ns.
class EpochGuard {
 public:
  explicit EpochGuard(EpochDomain& domain) : domain_(domain), number_(domain.enter()) {}
  // Release: what this reader loaded was loaded before the writer sees the slot free or reused.
  ~EpochGuard() { domain_.slots_[number_].epoch.store(0, std::memory_order_release); }
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;

  /// 0 to EpochDomain::kGuardsMax - 1; no other guard of the domain has it while this one lives,
  /// and what one guard did with it the next one sees. So what belongs to a number needs no lock.
  std::size_t number() const { return number_; }

 private:
  EpochDomain& domain_;
  const std::size_t number_;
};

/// Where retired blocks go in the end.
class Reclaimer {
 public:
  virtual ~Reclaimer() = default;
  /// Frees `block`; nobody refers to it. Called by the thread that retires or collects.
  virtual void reclaim(void* block) = 0;
};

/// The blocks that one structure unlinked and that readers may still see, oldest first.
///
/// Blocks are freed in groups of kGroupBlocks, a few tens of nanoseconds a group. At most
/// `bytes_max` wait: then retire() waits for the readers. A thread that holds a guard of the
/// domain must therefore not retire.
/// Threads: externally synchronised, with the structure's writer.
class RetireList {
 public:
  static constexpr std::size_t kGroupBlocks = 64;
  static constexpr std::uint64_t kBytesMax = std::uint64_t{64} << 20;

  RetireList(EpochDomain& domain, Reclaimer& reclaimer, std::uint64_t bytes_max = kBytesMax)
      : domain_(domain), reclaimer_(reclaimer), bytes_max_(bytes_max) {}
  RetireList(const RetireList&) = delete;
  RetireList& operator=(const RetireList&) = delete;
  /// Frees everything: no reader is inside who could see a block.
  ~RetireList();

  /// Frees `block` when all readers that are inside now have left. It is unlinked already.
  void retire(void* block, std::size_t bytes);
  /// Frees what can be freed.
  void collect();

  /// What waits to be freed.
  std::size_t blocks() const { return blocks_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Block {
    void* block;
    std::size_t bytes;
  };
  /// Blocks that were unlinked in one epoch or before.
  struct Group {
    std::uint64_t epoch;
    std::size_t blocks;
  };

  void reclaim_oldest();

  EpochDomain& domain_;
  Reclaimer& reclaimer_;
  const std::uint64_t bytes_max_;
  std::deque<Block> blocks_;
  std::deque<Group> groups_;          // of the front of blocks_
  std::size_t ungrouped_blocks_ = 0;  // at the back of blocks_
  std::uint64_t bytes_ = 0;
};

}  // namespace talea
