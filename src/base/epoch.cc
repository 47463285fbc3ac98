#include "base/epoch.h"

#include <algorithm>
#include <thread>

#include "base/assert.h"

namespace talea {
namespace {

/// The slot that this thread tries first. It decides nothing but speed: threads with slots of
/// their own do not pull a cache line to and fro.
std::size_t first_slot_of_thread() {
  static constinit std::atomic<std::size_t> threads = 0;
  thread_local std::size_t number = 0;  // 0: not numbered yet
  if (number == 0) number = 1 + threads.fetch_add(1, std::memory_order_relaxed);
  return (number - 1) % EpochDomain::kGuardsMax;
}

}  // namespace

EpochDomain::~EpochDomain() { TALEA_ASSERT(oldest_reader() == kNoReader); }

std::size_t EpochDomain::enter() {
  const std::size_t first = first_slot_of_thread();
  for (std::size_t tried = 0;; ++tried) {
    if (tried != 0 && tried % kGuardsMax == 0) std::this_thread::yield();
    const std::size_t number = (first + tried) % kGuardsMax;
    Slot& slot = slots_[number];
    if (slot.epoch.load(std::memory_order_relaxed) != 0) continue;

    std::size_t used = slots_used_.load(std::memory_order_relaxed);
    while (used <= number && !slots_used_.compare_exchange_weak(used, number + 1)) {
    }
    std::uint64_t expected = 0;
    const std::uint64_t epoch = epoch_.load(std::memory_order_seq_cst);
    if (!slot.epoch.compare_exchange_strong(expected, epoch, std::memory_order_seq_cst)) continue;
    // Pairs with advance(); see "Why" at the top of the header.
    static_cast<void>(epoch_.load(std::memory_order_seq_cst));
    return number;
  }
}

std::uint64_t EpochDomain::oldest_reader() const {
  std::uint64_t oldest = kNoReader;
  const std::size_t used = slots_used_.load(std::memory_order_seq_cst);
  for (std::size_t i = 0; i < used; ++i) {
    const std::uint64_t epoch = slots_[i].epoch.load(std::memory_order_seq_cst);
    if (epoch != 0) oldest = std::min(oldest, epoch);
  }
  return oldest;
}

RetireList::~RetireList() {
  while (!blocks_.empty()) reclaim_oldest();
}

void RetireList::reclaim_oldest() {
  const Block block = blocks_.front();
  blocks_.pop_front();
  bytes_ -= block.bytes;
  reclaimer_.reclaim(block.block);
}

void RetireList::retire(void* block, std::size_t bytes) {
  blocks_.push_back({block, bytes});
  bytes_ += bytes;
  if (++ungrouped_blocks_ < kGroupBlocks && bytes_ <= bytes_max_) return;
  collect();
  while (bytes_ > bytes_max_) {
    std::this_thread::yield();
    collect();
  }
}

void RetireList::collect() {
  if (ungrouped_blocks_ > 0) {
    groups_.push_back({domain_.advance(), ungrouped_blocks_});
    ungrouped_blocks_ = 0;
  }
  if (groups_.empty()) return;
  const std::uint64_t oldest_reader = domain_.oldest_reader();
  while (!groups_.empty() && groups_.front().epoch < oldest_reader) {
    for (std::size_t i = 0; i < groups_.front().blocks; ++i) reclaim_oldest();
    groups_.pop_front();
  }
}

}  // namespace talea
