#include "index/lookup_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "base/assert.h"

namespace talea {
namespace {

constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;

/// `bytes` of zeroes; whole huge pages when there are any, because at a million keys a miss of the
/// address cache costs as much as one of the data.
void* map_zeroes(std::uint64_t bytes) {
  const bool is_huge = bytes >= kHugePageBytes;
  const std::uint64_t slack = is_huge ? kHugePageBytes : 0;
  void* const mapped =
      mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  if (!is_huge) return mapped;
  char* const begin = static_cast<char*>(mapped);
  const std::uint64_t before = -reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes;
  if (before > 0) munmap(begin, before);
  if (before < slack) munmap(begin + before + bytes, slack - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);
  return begin + before;
}

std::uint64_t buckets_for(std::uint64_t slots) {
  const std::uint64_t buckets = (slots + LookupTable::kBucketSlots - 1) / LookupTable::kBucketSlots;
  // Two, so that a shift by the number of bits that do not count is less than 64.
  return std::bit_ceil(std::max<std::uint64_t>(buckets, 2));
}

}  // namespace

/// Where in the bucket `slot` is, a bit for each position.
LookupTable::Positions LookupTable::positions_of(const Bucket& bucket, std::uint64_t slot) {
  Positions positions = 0;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kBucketSlots; ++i) {
    positions |= Positions{bucket.slots[i].load(std::memory_order_relaxed) == slot} << i;
  }
  return positions;
}

/// Stores `slot` in the first of `positions`.
void LookupTable::store(Bucket& bucket, Positions positions, std::uint64_t slot) {
  // Release: pairs with find().
  bucket.slots[static_cast<std::size_t>(std::countr_zero(positions))].store(
      slot, std::memory_order_release);
}

// The slots begin their life as the zeroes of the mapping: an atomic needs no constructor on the
// platforms that we build for, and to run one for each would touch every page.
LookupTable::Table::Table(std::uint64_t slots)
    : buckets(buckets_for(slots)),
      bucket_shift(64 - std::countr_zero(buckets)),
      first_bucket(static_cast<Bucket*>(map_zeroes(bytes()))) {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
}

LookupTable::Table::~Table() { munmap(first_bucket, bytes()); }

// A table larger than any limit of a RetireList may wait for its readers: no limit, and it is
// retired so seldom that nothing goes unless collect() is called.
LookupTable::LookupTable(EpochDomain& epochs, std::uint64_t slots)
    : current_(new Table(slots)),
      retired_(epochs, reclaimer_, std::numeric_limits<std::uint64_t>::max()) {}

LookupTable::~LookupTable() { delete current_.load(std::memory_order_relaxed); }

void LookupTable::put(std::uint64_t hash, Word old, Word word) {
  TALEA_ASSERT((word & 1) == 0 && (old & 1) == 0);
  const std::uint64_t old_slot = slot_of(hash, old);
  const std::uint64_t slot = slot_of(hash, word);
  put_in(current_.load(std::memory_order_relaxed)->bucket(hash), old_slot, slot);
  if (growing_ != nullptr) put_in(growing_->bucket(hash), old_slot, slot);
}

void LookupTable::erase(std::uint64_t hash, Word old) { put(hash, old, 0); }

/// Replaces `old` by `slot`; either may be 0.
void LookupTable::put_in(Bucket& bucket, std::uint64_t old, std::uint64_t slot) {
  const Positions olds = positions_of(bucket, old);
  if (old == 0 || olds == 0) return add_to(bucket, slot, /*may_evict=*/true);
  // Were the new one there already, it would be there twice.
  const bool is_there = slot != 0 && positions_of(bucket, slot) != 0;
  store(bucket, olds, is_there ? 0 : slot);
}

void LookupTable::add_to(Bucket& bucket, std::uint64_t slot, bool may_evict) {
  if (slot == 0 || positions_of(bucket, slot) != 0) return;
  const Positions empty = positions_of(bucket, 0);
  if (empty != 0) return store(bucket, empty, slot);
  // In turn, which is as good as by chance: puts to a bucket come at any count of evictions.
  if (may_evict) store(bucket, 1u << (evictions_++ % kBucketSlots), slot);
}

void LookupTable::begin_growth(std::uint64_t slots) {
  TALEA_ASSERT(growing_ == nullptr);
  growing_ = std::make_unique<Table>(slots);
  taken_buckets_ = 0;
}

std::optional<std::size_t> LookupTable::take_next(std::span<Word> out) {
  const Table& table = *current_.load(std::memory_order_relaxed);
  if (taken_buckets_ == table.buckets) return std::nullopt;
  const std::uint64_t end = std::min(table.buckets, taken_buckets_ + kBucketsTakenMax);
  std::size_t count = 0;
  for (; taken_buckets_ < end && out.size() - count >= kBucketSlots; ++taken_buckets_) {
    for (const auto& slot : table.first_bucket[taken_buckets_].slots) {
      const std::uint64_t value = slot.load(std::memory_order_relaxed);
      if (value != 0) out[count++] = word_of(value);
    }
  }
  return count;
}

bool LookupTable::has(std::uint64_t hash, Word word) const {
  const Bucket& bucket = current_.load(std::memory_order_relaxed)->bucket(hash);
  const std::uint64_t slot = slot_of(hash, word);
  return slot != 0 && positions_of(bucket, slot) != 0;
}

void LookupTable::fill(std::uint64_t hash, Word word) {
  TALEA_ASSERT(growing_ != nullptr && (word & 1) == 0);
  add_to(growing_->bucket(hash), slot_of(hash, word), /*may_evict=*/false);
}

void LookupTable::finish_growth() {
  TALEA_ASSERT(growing_ != nullptr);
  Table* const grown = growing_.release();
  Table* const old = current_.exchange(grown, std::memory_order_acq_rel);
  retired_.retire(old, old->bytes());
}

std::uint64_t LookupTable::memory_bytes() const {
  const std::uint64_t growing_bytes = growing_ != nullptr ? growing_->bytes() : 0;
  return current_.load(std::memory_order_relaxed)->bytes() + growing_bytes + retired_.bytes();
}

}  // namespace talea
