#include "log/checked_blocks.h"

#include <gtest/gtest.h>

#include "log/log_testing.h"
#include "log/stored_entry.h"

namespace talea {
namespace {

class CheckedBlocksTest : public testing::Test {
 protected:
  CheckedBlocksTest() {
    SeededRandom random(7);
    while (segment_.bytes().size() < 300 * kKiB) {
      const std::uint64_t header = segment_.bytes().size();
      const TestBatch batch = random_batch(random, 4);
      segment_.append(batch);
      RecordView record;
      const BytesView rest = BytesView(segment_.bytes()).substr(header);
      EXPECT_EQ(decode_record(rest, header, segment_.context(), record).outcome, DecodeOutcome::ok);
      for (const EntryView& entry : record.entries) offsets_.push_back(entry.place.offset);
    }
  }
  CheckedBlocks blocks() {
    return CheckedBlocks(segment_.bytes().data(), segment_.bytes().size(), segment_.context());
  }
  void flip(std::uint64_t offset) {
    segment_.bytes()[offset] = static_cast<char>(segment_.bytes()[offset] ^ 1);
  }

  TestSegment segment_;
  std::vector<std::uint32_t> offsets_;
};

TEST_F(CheckedBlocksTest, EveryEntryPassesInWhateverOrder) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    SeededRandom random(seed);
    CheckedBlocks blocks = this->blocks();
    for (std::size_t i = 0; i < 4 * offsets_.size(); ++i) {
      const std::uint32_t offset = offsets_[below(random, offsets_.size())];
      ASSERT_TRUE(blocks.is_checked(offset) || blocks.check(offset)) << "seed=" << seed;
      ASSERT_TRUE(blocks.is_checked(offset)) << "seed=" << seed << " offset=" << offset;
    }
  }
}

TEST_F(CheckedBlocksTest, AReadOfTheFirstEntryChecksTheBlock) {
  CheckedBlocks blocks = this->blocks();
  ASSERT_TRUE(blocks.check(offsets_.front()));
  for (const std::uint32_t offset : offsets_) {
    EXPECT_EQ(blocks.is_checked(offset), offset < (1U << CheckedBlocks::kBlockBits)) << offset;
  }
}

// The entry that is damaged never passes, and all others do, whoever was read first.
TEST_F(CheckedBlocksTest, OneDamagedEntryHidesNoOther) {
  SeededRandom random(11);
  for (int round = 0; round < 200; ++round) {
    const std::size_t position = below(random, offsets_.size());
    const std::uint32_t damaged = offsets_[position];
    const std::uint64_t at = damaged + 5 + below(random, 4);
    flip(at);
    CheckedBlocks blocks = this->blocks();
    for (int i = 0; i < 20; ++i) {
      const std::uint32_t offset = offsets_[below(random, offsets_.size())];
      const bool intact = blocks.is_checked(offset) || blocks.check(offset);
      ASSERT_EQ(intact, offset != damaged) << "round=" << round << " offset=" << offset;
    }
    ASSERT_FALSE(blocks.check(damaged)) << "round=" << round;
    ASSERT_FALSE(blocks.is_checked(damaged)) << "round=" << round;
    flip(at);
  }
}

TEST_F(CheckedBlocksTest, WhatIsReadWithoutChecksIsWhatIsDecoded) {
  const char* const memory = segment_.bytes().data();
  const char* const end = memory + segment_.bytes().size();
  for (const std::uint32_t offset : offsets_) {
    StoredEntry stored;
    ASSERT_TRUE(read_stored_entry(memory + offset, end, stored));
    std::string_view problem;
    const auto decoded =
        decode_entry({memory + offset, stored.bytes}, offset, segment_.context(), problem);
    ASSERT_TRUE(decoded) << problem;
    EXPECT_EQ(stored.key, decoded->key);
    EXPECT_EQ(stored.value, decoded->value);
    EXPECT_EQ(stored.space, static_cast<std::uint32_t>(decoded->space));
    EXPECT_EQ(stored.is_remove(), decoded->is_remove);
    EXPECT_EQ(stored.is_extent_list(), decoded->is_extent_list);
    EXPECT_EQ(stored.is_in_batch(), !decoded->sequence.has_value());
    EXPECT_TRUE(stored_entry_matches(memory + offset, stored, offset, segment_.context()));
  }
}

// Lengths that lead out of the memory are refused, at every cut.
TEST_F(CheckedBlocksTest, NothingIsReadBeyondTheEnd) {
  const std::uint32_t offset = offsets_.front();
  StoredEntry whole;
  const char* const memory = segment_.bytes().data();
  ASSERT_TRUE(read_stored_entry(memory + offset, memory + segment_.bytes().size(), whole));
  for (std::uint32_t bytes = 0; bytes < whole.bytes; ++bytes) {
    const Bytes cut(memory + offset, bytes);  // of its own, so that a read beyond it is noticed
    StoredEntry entry;
    EXPECT_FALSE(read_stored_entry(cut.data(), cut.data() + cut.size(), entry)) << bytes;
  }
}

}  // namespace
}  // namespace talea
