#include "engine/row_sorter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "io/crash_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}

class RowSorterTest : public testing::Test {
 protected:
  RowSorterTest() {
    EXPECT_TRUE(disk_.create_directory("store").ok());
    EXPECT_TRUE(disk_.sync_directory("/").ok());
  }

  RowSorter::Setup setup(std::uint64_t buffer_bytes) {
    return {.seams = {disk_, clock_, random_, executor_},
            .directory = "store",
            .store_id = {1, 2, 3},
            .take_id = [this] { return Result<std::uint32_t>(++last_id_); },
            .buffer_bytes = buffer_bytes};
  }

  CrashFileSystem disk_;
  ManualClock clock_;
  SeededRandom random_{test_seed()};
  ManualExecutor executor_;
  std::uint32_t last_id_ = 0;
};

TEST_F(RowSorterTest, GivesEachRowOnceInTheOrderOfSequences) {
  struct Given {
    Sequence sequence;
    std::uint64_t now;
    Space space;
    Bytes value;
    bool is_extent_list;
    auto operator<=>(const Given&) const = default;
  };
  for (const std::uint64_t buffer_bytes : {1U, 1000U, 20'000U, 1U << 30}) {
    std::map<Bytes, Given> rows;
    RowSorter sorter(setup(buffer_bytes));
    for (int i = 0; i < 500; ++i) {
      const Bytes key = "key" + std::to_string(i);
      const Sequence sequence = 1 + random_.next_u64() % 200;  // several of one batch
      rows[key] = {sequence, 1000 * sequence, static_cast<Space>(i % 3),
                   Bytes(random_.next_u64() % 300, 'v'), i % 7 == 0};
      EntrySource entry;
      entry.space = rows[key].space;
      entry.key = key;
      entry.value = rows[key].value;
      entry.is_extent_list = rows[key].is_extent_list;
      ASSERT_TRUE(sorter.add({sequence, 1000 * sequence, entry}).ok());
    }
    ASSERT_TRUE(sorter.finish().ok());
    Sequence before = 0;
    std::size_t count = 0;
    for (;;) {
      const std::optional<RowSorter::Row> row = must(sorter.next());
      if (!row) break;
      ++count;
      EXPECT_LE(before, row->sequence);
      before = row->sequence;
      const Given found = {row->sequence, row->now, row->entry.space, Bytes(row->entry.value),
                           row->entry.is_extent_list};
      const auto given = rows.find(Bytes(row->entry.key));
      ASSERT_NE(given, rows.end()) << row->entry.key;
      EXPECT_TRUE(given->second == found);
      rows.erase(given);
    }
    EXPECT_EQ(count, 500U);
    EXPECT_FALSE(must(sorter.next()).has_value());
  }
}

TEST_F(RowSorterTest, LeavesNoFileBehind) {
  {
    RowSorter sorter(setup(100));
    EntrySource entry;
    entry.value = "value";
    for (Sequence sequence = 1; sequence < 100; ++sequence) {
      const Bytes key = std::to_string(sequence);
      entry.key = key;
      ASSERT_TRUE(sorter.add({sequence, 0, entry}).ok());
    }
    ASSERT_TRUE(sorter.finish().ok());
    EXPECT_GT(must(disk_.list("store")).size(), 3U);
  }
  EXPECT_TRUE(must(disk_.list("store")).empty());
}

TEST_F(RowSorterTest, NothingIsGivenWhenNothingWasAdded) {
  RowSorter sorter(setup(100));
  ASSERT_TRUE(sorter.finish().ok());
  EXPECT_FALSE(must(sorter.next()).has_value());
  EXPECT_TRUE(must(disk_.list("store")).empty());
}

TEST_F(RowSorterTest, AFullDiskIsReported) {
  RowSorter sorter(setup(1 << 20));
  EntrySource entry;
  entry.key = "key";
  ASSERT_TRUE(sorter.add({1, 0, entry}).ok());
  disk_.fail_at(1, Fault::disk_full);
  EXPECT_EQ(sorter.finish().code(), Code::exhausted);
}

TEST_F(RowSorterTest, DamageToItsFilesIsNoticed) {
  RowSorter sorter(setup(kGiB));
  EntrySource entry;
  const Bytes value(kInlineValueBytesMax, 'v');  // so that a read does not reach the next row
  entry.key = "key";
  entry.value = value;
  for (Sequence sequence = 1; sequence <= 3; ++sequence) {
    ASSERT_TRUE(sorter.add({sequence, 0, entry}).ok());
  }
  ASSERT_TRUE(sorter.finish().ok());
  const std::vector<std::string> names = must(disk_.list("store"));
  ASSERT_EQ(names.size(), 1U);
  ASSERT_TRUE(disk_.flip_bit("store/" + names[0], 3 * kMiB, 0).ok());
  EXPECT_EQ(must(sorter.next())->sequence, 1U);
  EXPECT_EQ(must(sorter.next())->sequence, 2U);
  EXPECT_EQ(sorter.next().status().code(), Code::corruption);
}

}  // namespace
}  // namespace talea
