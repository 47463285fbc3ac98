// CheckedBlocks: which entries of a mapped segment were found intact since it was opened.
//
// Memory that was mapped is read without a system call, and checking each entry at each read would
// cost a quarter of the speed of hot ones. So an entry is checked when its block of 64 KiB is first
// read, and its neighbours with it. A block remembers one range of checked entries, by where the
// first begins and the last ends. Where entries begin is known only by walking from one to the
// next, so a range grows from an entry that a reader asked for to the end of the block, and later
// to the front:
//
//     block   |--?--[ A B C D ]      a read of A checked A, B, C and D
//             |[ X Y Z A B C D ]     a read of X walks on to A, and both ranges are one
//
// An entry that fails its check ends a walk. It is never in a range, so whoever reads it checks it
// again, and is told.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "log/record.h"

namespace talea {

/// Threads: safe.
class CheckedBlocks {
 public:
  static constexpr std::uint32_t kBlockBits = 16;  // 64 KiB

  /// `memory` is that of a segment, its header included, `bytes` long. 8 bytes for each 64 KiB.
  CheckedBlocks(const char* memory, std::uint64_t bytes, const SegmentContext& context);

  /// Whether the entry at `offset` is known to be intact.
  bool is_checked(std::uint32_t offset) const {
    const Range range = load(offset >> kBlockBits);
    return range.from <= offset && offset < range.to;
  }

  /// Checks the entry at `offset`, and what of its block follows from it.
  /// Cost: a CRC of at most the block, or of the entry when it is longer.
  bool check(std::uint32_t offset);

 private:
  // Offsets in the segment; empty when both are 0.
  struct Range {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
  };
  Range load(std::uint32_t block) const {
    const std::uint64_t bits = ranges_[block].load(std::memory_order_acquire);
    return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)};
  }
  // Where what begins at `offset` ends, if it is intact; else `offset`.
  std::uint64_t end_of_intact(std::uint64_t offset) const;
  bool grow(std::uint32_t block, Range was, Range range);

  const char* const memory_;
  const std::uint64_t bytes_;
  const SegmentContext context_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> ranges_;
};

}  // namespace talea
