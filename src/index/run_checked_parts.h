// RunCheckedParts: which parts of a mapped run were found intact since it was opened.
//
// To check a block costs ten times as much as to search it, so it is done once. Pages of the filter
// have a bit each. Blocks lie anywhere, and one that is taken for checked must be exactly the one
// that was: they have a hash table of offset and length, twice as large as needed. A block that
// finds no slot there is checked each time.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace talea {

/// Threads: safe.
class RunCheckedParts {
 public:
  /// Memory: 16 to 32 bytes a block, at most 8 MiB.
  RunCheckedParts(std::uint64_t pages, std::uint64_t blocks)
      : shift_(static_cast<unsigned>(std::countl_zero(slots_for(blocks) - 1))),
        slots_(std::make_unique<std::atomic<std::uint64_t>[]>(slots_for(blocks))),
        slot_count_(slots_for(blocks)),
        page_words_(std::make_unique<std::atomic<std::uint64_t>[]>(pages / 64 + 1)),
        page_word_count_(pages / 64 + 1) {}

  // The bytes themselves do not change, so the order in which threads see marks does not matter.
  bool is_page_checked(std::uint64_t page) const {
    return (page_words_[page / 64].load(std::memory_order_relaxed) >> (page % 64) & 1) != 0;
  }
  void mark_page(std::uint64_t page) {
    page_words_[page / 64].fetch_or(std::uint64_t{1} << (page % 64), std::memory_order_relaxed);
  }

  /// `bytes`: at most kRunBlockBytesMax.
  bool is_block_checked(std::uint64_t offset, std::uint64_t bytes) const {
    const std::uint64_t mark = mark_of(offset, bytes);
    for (std::uint64_t i = 0, slot = slot_of(offset); i < kProbes; ++i, slot = next(slot)) {
      const std::uint64_t found = slots_[slot].load(std::memory_order_relaxed);
      if (found == mark || found == 0) return found != 0;
    }
    return false;
  }
  void mark_block(std::uint64_t offset, std::uint64_t bytes) {
    const std::uint64_t mark = mark_of(offset, bytes);
    for (std::uint64_t i = 0, slot = slot_of(offset); i < kProbes; ++i, slot = next(slot)) {
      std::uint64_t found = 0;
      if (slots_[slot].compare_exchange_strong(found, mark, std::memory_order_relaxed)) return;
      if (found == mark) return;
    }
  }

  std::uint64_t memory_bytes() const { return 8 * (slot_count_ + page_word_count_); }

 private:
  static constexpr std::uint64_t kSlotsMax = 1 << 20;
  static constexpr std::uint64_t kProbes = 32;
  static constexpr unsigned kBytesBits = 19;  // of a mark, for a length of at most 2^18

  static std::uint64_t slots_for(std::uint64_t blocks) {
    return std::bit_ceil(blocks < kSlotsMax / 2 ? 2 * blocks + 2 : kSlotsMax);
  }
  // Files end below 2^45 bytes; one that does not loses bits, and then is_block_checked() compares
  // less than it should. RunReader maps none.
  static std::uint64_t mark_of(std::uint64_t offset, std::uint64_t bytes) {
    return offset << kBytesBits | bytes;
  }
  std::uint64_t slot_of(std::uint64_t offset) const {
    return offset * 0x9e37'79b9'7f4a'7c15 >> shift_;
  }
  std::uint64_t next(std::uint64_t slot) const { return (slot + 1) & (slot_count_ - 1); }

  const unsigned shift_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> slots_;
  const std::uint64_t slot_count_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> page_words_;
  const std::uint64_t page_word_count_;
};

/// The longest file whose blocks RunCheckedParts tells apart.
inline constexpr std::uint64_t kRunMappedBytesMax = std::uint64_t{1} << 45;

}  // namespace talea
