#include "log/checked_blocks.h"

#include <algorithm>

#include "log/stored_entry.h"

namespace talea {

CheckedBlocks::CheckedBlocks(const char* memory, std::uint64_t bytes, const SegmentContext& context)
    : memory_(memory),
      bytes_(bytes),
      context_(context),
      ranges_(std::make_unique<std::atomic<std::uint64_t>[]>((bytes >> kBlockBits) + 1)) {}

std::uint64_t CheckedBlocks::end_of_intact(std::uint64_t offset) const {
  const char* const at = memory_ + offset;
  const std::uint64_t rest = bytes_ - offset;
  // Nobody looks there, and whoever reads the record checks it.
  if (is_follows_at(memory_, offset)) return offset + std::min<std::uint64_t>(rest, kFollowsBytes);
  if (rest > kBatchHeaderBytes && (static_cast<std::uint8_t>(at[4]) & kFlagBatch) != 0) {
    const bool intact =
        decode_batch_sequence({at, kBatchHeaderBytes}, offset, context_).has_value();
    return intact ? offset + kBatchHeaderBytes : offset;
  }
  StoredEntry entry;
  const bool intact = read_stored_entry(at, memory_ + bytes_, entry) &&
                      stored_entry_matches(at, entry, offset, context_);
  return intact ? offset + entry.bytes : offset;
}

bool CheckedBlocks::check(std::uint32_t offset) {
  if (offset >= bytes_) return false;
  const std::uint32_t block = offset >> kBlockBits;
  const std::uint64_t block_end = std::min(bytes_, (std::uint64_t{block} + 1) << kBlockBits);
  const Range was = load(block);
  const bool goes_on = was.to != 0 && was.to <= offset;
  std::uint64_t end = goes_on ? was.to : offset;
  bool found = false;
  while (end < block_end && end != was.from) {
    found = found || end == offset;
    const std::uint64_t next = end_of_intact(end);
    if (next == end) break;
    end = next;
  }
  const bool joins = was.to != 0 && end == was.from;
  // An entry may go on beyond its block, and a range with it: offsets of 32 bits hold any end.
  const Range range{goes_on ? was.from : offset, joins ? was.to : static_cast<std::uint32_t>(end)};
  if (range.from <= offset && offset < range.to && (found || !goes_on)) {
    grow(block, was, range);
    return true;
  }
  // Something damaged lies before it; by itself it may be intact.
  return end_of_intact(offset) != offset;
}

bool CheckedBlocks::grow(std::uint32_t block, Range was, Range range) {
  std::uint64_t expected = std::uint64_t{was.to} << 32 | was.from;
  const std::uint64_t wanted = std::uint64_t{range.to} << 32 | range.from;
  // Whoever else grew it meanwhile checked as well; what is lost is a little work.
  return ranges_[block].compare_exchange_strong(expected, wanted, std::memory_order_acq_rel);
}

}  // namespace talea
