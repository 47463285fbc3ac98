#include "engine/snapshot_registry.h"

#include <algorithm>

#include "base/assert.h"

namespace talea {
namespace {

/// Where this thread begins to look for a slot. It decides nothing but speed.
std::size_t number_of_thread() {
  static constinit std::atomic<std::size_t> threads = 0;
  thread_local std::size_t number = 0;  // 0: not numbered yet
  if (number == 0) number = 1 + threads.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

SnapshotRegistry::~SnapshotRegistry() { TALEA_ASSERT(pins() == 0); }

/// Sets the bit of a slot, whose value is 0; kSpilled when all are taken.
std::size_t SnapshotRegistry::take_slot() {
  const std::size_t first = number_of_thread();
  for (std::size_t tried = 0; tried < kWords; ++tried) {
    const std::size_t i = (first + tried) % kWords;
    std::uint64_t taken = words_[i].taken.load(std::memory_order_relaxed);
    while (taken != ~std::uint64_t{0}) {
      const int bit = std::countr_one(taken);
      if (words_[i].taken.compare_exchange_weak(taken, taken | std::uint64_t{1} << bit,
                                                std::memory_order_seq_cst)) {
        return i * kSlotsOfWord + static_cast<std::size_t>(bit);
      }
    }
  }
  return kSpilled;
}

SnapshotRegistry::Pin SnapshotRegistry::pin() { return pin_at(std::nullopt); }

/// Pins `known`, which somebody pins already, or what is published.
SnapshotRegistry::Pin SnapshotRegistry::pin_at(std::optional<Sequence> known) {
  const std::size_t slot = take_slot();
  if (slot == kSpilled) return pin_spilled(known);
  const Sequence sequence = known ? *known : published_.load(std::memory_order_seq_cst);
  // Release is enough: a pruner that still reads the 0 prunes too little. Pairs with oldest().
  slots_[slot].store(sequence, std::memory_order_release);
  return Pin(*this, sequence, slot);
}

void SnapshotRegistry::unpin(std::size_t slot, Sequence sequence) {
  if (slot == kSpilled) return unpin_spilled(sequence);
  // Before the bit, so that who takes the slot next finds 0 in it. Release, both, and pairing with
  // oldest(): what the snapshot read was read before the pruner sees that it is gone.
  slots_[slot].store(0, std::memory_order_release);
  words_[slot / kSlotsOfWord].taken.fetch_and(~(std::uint64_t{1} << (slot % kSlotsOfWord)),
                                              std::memory_order_seq_cst);
}

SnapshotRegistry::Pin SnapshotRegistry::pin_spilled(std::optional<Sequence> known) {
  MutexLock lock(mutex_);
  spilled_.fetch_add(1, std::memory_order_seq_cst);
  const Sequence sequence = known ? *known : published_.load(std::memory_order_seq_cst);
  spilled_sequences_.insert(sequence);
  return Pin(*this, sequence, kSpilled);
}

void SnapshotRegistry::unpin_spilled(Sequence sequence) {
  MutexLock lock(mutex_);
  spilled_sequences_.extract(sequence);  // one of them
  spilled_.fetch_sub(1, std::memory_order_seq_cst);
}

Sequence SnapshotRegistry::oldest_with_spilled(Sequence oldest) const {
  MutexLock lock(mutex_);
  return spilled_sequences_.empty() ? oldest : std::min(oldest, *spilled_sequences_.begin());
}

std::size_t SnapshotRegistry::pins() const {
  std::size_t pins = spilled_.load(std::memory_order_seq_cst);
  for (const Word& word : words_) {
    pins += static_cast<std::size_t>(std::popcount(word.taken.load(std::memory_order_seq_cst)));
  }
  return pins;
}

}  // namespace talea
