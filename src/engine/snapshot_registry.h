// SnapshotRegistry: the sequences that open snapshots hold, so that what they need is not pruned.
//
//     words_   | 0 1 0 0 1 ... |   a bit for each slot that is taken, 64 to a word
//     slots_   | - 7 - - 0 ... |   what it pins; 0, everything, until it is known
//
// A snapshot at S needs what batches above S replaced. Whoever prunes publishes P first, looks at
// oldest() then, and prunes what batches through min(P, oldest()) replaced.
//
// Why it never prunes what a snapshot that is just being opened needs. pin() takes a slot, whose
// value is 0; *then* loads the published sequence; and stores that in the slot. The operations on
// words_, the loads by the pruner, and those on the published sequence are seq_cst, so they have
// one order. If the pruner's look at the word came before the slot was taken, then the load in
// pin() came after the store of P: the snapshot is at P or above, and needs nothing that is pruned.
// If it came after, then the pruner sees what the slot pins: everything, in which case it prunes
// nothing, or S. It cannot see the value of a pin that had the slot before: that one was set back
// to 0 before its bit was cleared (release), and the bit was set again after that (acquire). No
// fences, because ThreadSanitizer does not understand them.
//
// Who finds no slot empty goes to a list behind a mutex, in the same order of steps: count, then
// load. A pruner that sees the count not zero waits for the mutex, and finds the sequence there.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/mutex.h"
#include "talea/batch.h"

namespace talea {

/// Threads: safe.
class SnapshotRegistry {
 public:
  /// What oldest() returns when nothing is pinned.
  static constexpr Sequence kNone = std::numeric_limits<Sequence>::max();
  /// As many pins are kept without a lock.
  static constexpr std::size_t kSlots = 256;

  /// Holds a sequence from pin() on until it is destroyed or reset. The registry outlives it.
  ///
  /// Threads: externally synchronised; any thread may end it.
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept
        : registry_(std::exchange(other.registry_, nullptr)),
          sequence_(other.sequence_),
          slot_(other.slot_) {}
    Pin& operator=(Pin&& other) noexcept {
      if (this == &other) return *this;
      reset();
      registry_ = std::exchange(other.registry_, nullptr);
      sequence_ = other.sequence_;
      slot_ = other.slot_;
      return *this;
    }
    ~Pin() { reset(); }

    /// False of one that was moved from or reset, or never came from a registry.
    bool is_open() const { return registry_ != nullptr; }
    Sequence sequence() const { return sequence_; }
    void reset() {
      if (registry_ != nullptr) std::exchange(registry_, nullptr)->unpin(slot_, sequence_);
    }

   private:
    friend class SnapshotRegistry;
    Pin(SnapshotRegistry& registry, Sequence sequence, std::size_t slot)
        : registry_(&registry), sequence_(sequence), slot_(slot) {}

    SnapshotRegistry* registry_ = nullptr;
    Sequence sequence_ = 0;
    std::size_t slot_ = 0;
  };

  /// `published`: the last sequence whose batch readers may see, and all before it. It is stored
  /// seq_cst, and outlives the registry.
  explicit SnapshotRegistry(const std::atomic<Sequence>& published) : published_(published) {}
  SnapshotRegistry(const SnapshotRegistry&) = delete;
  SnapshotRegistry& operator=(const SnapshotRegistry&) = delete;
  /// No pin is left.
  ~SnapshotRegistry();

  /// Pins what is published now. Cost: with unpinning, two locked instructions.
  [[nodiscard]] Pin pin();
  /// Another pin of the sequence that `open` pins, and goes on pinning during the call.
  [[nodiscard]] Pin pin_again(const Pin& open) { return pin_at(open.sequence()); }

  /// The lowest sequence that is pinned; 0 while one is being pinned; kNone when none is.
  /// Cost: four loads, and one for each pin.
  Sequence oldest() const {
    Sequence oldest = kNone;
    for (std::size_t i = 0; i < kWords; ++i) {
      std::uint64_t taken = words_[i].taken.load(std::memory_order_seq_cst);
      for (; taken != 0; taken &= taken - 1) {
        const std::size_t slot =
            i * kSlotsOfWord + static_cast<std::size_t>(std::countr_zero(taken));
        const Sequence pinned = slots_[slot].load(std::memory_order_seq_cst);
        if (pinned < oldest) oldest = pinned;
      }
    }
    if (spilled_.load(std::memory_order_seq_cst) == 0) [[likely]]
      return oldest;
    return oldest_with_spilled(oldest);
  }

  /// How many pins there are. An estimate while they come and go.
  std::size_t pins() const;

 private:
  static constexpr std::size_t kSlotsOfWord = 64;
  static constexpr std::size_t kWords = kSlots / kSlotsOfWord;
  static constexpr std::size_t kSpilled = kSlots;  // in the place of a slot

  // On cache lines of their own: threads begin at different words.
  struct alignas(64) Word {
    std::atomic<std::uint64_t> taken = 0;
  };

  std::size_t take_slot();
  Pin pin_at(std::optional<Sequence> known);
  Pin pin_spilled(std::optional<Sequence> known) TALEA_EXCLUDES(mutex_);
  void unpin(std::size_t slot, Sequence sequence);
  void unpin_spilled(Sequence sequence) TALEA_EXCLUDES(mutex_);
  Sequence oldest_with_spilled(Sequence oldest) const TALEA_EXCLUDES(mutex_);

  const std::atomic<Sequence>& published_;
  std::array<Word, kWords> words_;
  std::array<std::atomic<Sequence>, kSlots> slots_{};
  alignas(64) std::atomic<std::size_t> spilled_ =
      0;  // as many are, or are about to be, in the list
  mutable Mutex mutex_;
  std::multiset<Sequence> spilled_sequences_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
