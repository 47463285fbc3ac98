#include "engine/undo_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Change = UndoList::Change;
using Word = UndoList::Word;

constexpr auto kAny = [](Word) { return true; };
constexpr auto kNothing = [](const Change&) {};
constexpr std::size_t kNoLimit = ~std::size_t{0};

std::uint64_t hash_of(std::uint64_t number) { return number * 0x9e3779b97f4a7c15; }

TEST(UndoList, FindsNothingInAnEmptyList) {
  const UndoList list;
  EXPECT_EQ(list.find(1, 0, kAny), 0u);
  EXPECT_EQ(list.size(), 0u);
}

TEST(UndoList, FindsWhatStoodThereAtASequence) {
  UndoList list;
  list.append({.hash = 1, .old_word = 10, .new_word = 12, .superseded_at = 5});
  list.append({.hash = 2, .old_word = 20, .new_word = 22, .superseded_at = 6});
  list.append({.hash = 1, .old_word = 12, .new_word = 14, .superseded_at = 8});
  EXPECT_EQ(list.find(1, 4, kAny), 10u);
  EXPECT_EQ(list.find(1, 5, kAny), 12u);
  EXPECT_EQ(list.find(1, 7, kAny), 12u);
  EXPECT_EQ(list.find(1, 8, kAny), 0u);
  EXPECT_EQ(list.find(2, 5, kAny), 20u);
  EXPECT_EQ(list.find(2, 6, kAny), 0u);
  EXPECT_EQ(list.find(3, 0, kAny), 0u);
}

// A batch may write a key twice.
TEST(UndoList, OfEqualSequencesTheFirstTells) {
  UndoList list;
  list.append({.hash = 1, .old_word = 10, .new_word = 12, .superseded_at = 5});
  list.append({.hash = 1, .old_word = 12, .new_word = 14, .superseded_at = 5});
  EXPECT_EQ(list.find(1, 4, kAny), 10u);
}

TEST(UndoList, OfKeysWithOneHashTheCallerChooses) {
  UndoList list;
  for (Word i = 1; i <= 100; ++i) {
    list.append({.hash = 1, .old_word = i, .new_word = i + 2, .superseded_at = i});
  }
  const auto is_even = [](Word word) { return word % 2 == 0; };
  EXPECT_EQ(list.find(1, 0, is_even), 2u);
  EXPECT_EQ(list.find(1, 50, is_even), 52u);
  EXPECT_EQ(list.find(1, 10, [](Word word) { return word >= 77; }), 77u);
  EXPECT_EQ(list.find(1, 10, [](Word word) { return word < 10; }), 0u);
}

TEST(UndoList, PrunesTheOldestFirstUpToASequence) {
  UndoList list;
  for (Word i = 1; i <= 10; ++i) {
    list.append({.hash = i, .old_word = 2 * i, .new_word = 3 * i, .superseded_at = i / 2});
  }
  std::vector<Word> pruned;
  const auto note = [&pruned](const Change& change) {
    EXPECT_EQ(change.new_word, 3 * change.hash);
    pruned.push_back(change.old_word);
  };
  EXPECT_TRUE(list.prune(2, 3, note));
  EXPECT_THAT(pruned, testing::ElementsAre(2, 4, 6));
  EXPECT_EQ(list.size(), 7u);
  EXPECT_TRUE(list.prune(2, 1, note));
  EXPECT_FALSE(list.prune(2, 1, note));
  EXPECT_FALSE(list.prune(2, 9, note));
  EXPECT_THAT(pruned, testing::ElementsAre(2, 4, 6, 8, 10));
  EXPECT_EQ(list.find(6, 2, kAny), 12u);
  EXPECT_FALSE(list.prune(100, kNoLimit, note));
  EXPECT_EQ(list.size(), 0u);
}

TEST(UndoList, TakesTwoOrThreeChunksWhenEverythingIsPrunedAtOnce) {
  UndoList list;
  for (Word i = 1; i <= 100'000; ++i) {
    list.append({.hash = hash_of(i), .old_word = i, .new_word = i + 1, .superseded_at = i});
    ASSERT_FALSE(list.prune(i, 16, kNothing));
  }
  EXPECT_EQ(list.size(), 0u);
  EXPECT_LT(list.memory_bytes(), 3u * 9 * 1'024);
}

TEST(UndoList, GivesTheMemoryOfPrunedChangesBack) {
  UndoList list;
  for (Word i = 1; i <= 100'000; ++i) {
    list.append({.hash = hash_of(i), .old_word = i, .new_word = i + 1, .superseded_at = i});
  }
  EXPECT_EQ(list.find(hash_of(99'999), 5, kAny), 99'999u);
  EXPECT_GT(list.memory_bytes(), 100'000 * sizeof(Change));
  EXPECT_FALSE(list.prune(100'000, kNoLimit, kNothing));
  list.collect();
  // Some chunks of those that were in front of a reader are freed later.
  EXPECT_LT(list.memory_bytes(), 64u * 1'024);
}

// Ten million steps if it were linear.
TEST(UndoList, AKeyThatIsWrittenAgainAndAgainIsFoundInFewSteps) {
  constexpr Word kChanges = 200'000;
  UndoList list;
  for (Word i = 1; i <= kChanges; ++i) {
    list.append({.hash = hash_of(i % 8 == 0 ? i : 7),
                 .old_word = i,
                 .new_word = i + 1,
                 .superseded_at = i});
  }
  for (Sequence at = 0; at < kChanges; at += 997) {
    for (int again = 0; again < 50; ++again) {
      const Word oldest_above = (at + 1) % 8 == 0 ? at + 2 : at + 1;
      ASSERT_EQ(list.find(hash_of(7), at, kAny), oldest_above);
    }
  }
}

/// A few keys, two to a hash, with every version of each, and snapshots that come and go.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) {
      step();
      ASSERT_EQ(list_.size(), expected_.size());
    }
    EXPECT_GT(found_, steps / 100);
    EXPECT_GT(pruned_, steps / 10);
  }

 private:
  static constexpr std::uint64_t kKeys = 64;

  std::uint64_t below(std::uint64_t limit) { return random_.next_u64() % limit; }
  static std::uint64_t hash(std::uint64_t key) { return key / 2; }
  static std::uint64_t key_of(Word word) { return word % kKeys; }

  void step() {
    switch (below(32)) {
      case 0: {
        // Seldom all at once, and sometimes for long none.
        const std::size_t keep = below(3) * 1'000;
        if (expected_.size() > keep) prune(expected_[expected_.size() - keep - 1].superseded_at);
        break;
      }
      case 1: prune(floor_ + below(5)); break;
      case 2: list_.collect(); break;
      case 3:
      case 4:
      case 5: check(); break;
      default: append();
    }
  }

  void append() {
    // Low keys are hot.
    const std::uint64_t key = below(below(kKeys) + 1);
    sequence_ += below(2);
    const Word word = ++versions_ * kKeys + key;
    const Change change = {hash(key), current_[key], word, sequence_};
    current_[key] = word;
    if (change.old_word == 0) return;
    list_.append(change);
    expected_.push_back(change);
  }

  void prune(Sequence through) {
    const std::size_t max = below(2) == 0 ? kNoLimit : below(600);
    std::size_t count = 0;
    const bool more = list_.prune(through, max, [&](const Change& change) {
      ASSERT_FALSE(expected_.empty());
      EXPECT_EQ(change.new_word, expected_.front().new_word);
      EXPECT_LE(change.superseded_at, through);
      floor_ = std::max(floor_, change.superseded_at);
      expected_.pop_front();
      ++count;
    });
    pruned_ += count;
    EXPECT_LE(count, max);
    EXPECT_EQ(more, !expected_.empty() && expected_.front().superseded_at <= through);
  }

  void check() {
    const std::uint64_t key = below(kKeys);
    // A snapshot is never below what is pruned.
    const Sequence at = floor_ + below(sequence_ - floor_ + 2);
    const auto expected =
        std::find_if(expected_.begin(), expected_.end(), [&](const Change& change) {
          return change.superseded_at > at && key_of(change.old_word) == key;
        });
    const Word found = list_.find(hash(key), at, [key](Word word) { return key_of(word) == key; });
    ASSERT_EQ(found, expected == expected_.end() ? 0 : expected->old_word)
        << "key " << key << " at " << at;
    found_ += found != 0;
  }

  SeededRandom random_;
  UndoList list_;
  std::deque<Change> expected_;
  std::map<std::uint64_t, Word> current_;
  std::uint64_t versions_ = 0;
  Sequence sequence_ = 0;
  Sequence floor_ = 0;  // everything through it may be pruned
  std::size_t found_ = 0;
  std::size_t pruned_ = 0;
};

TEST(UndoList, FindsWhatAModelFinds) { Model(test_seed()).run(200'000); }

}  // namespace
}  // namespace talea
