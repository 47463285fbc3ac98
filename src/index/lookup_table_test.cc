#include "index/lookup_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "index/key_hash.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Word = LookupTable::Word;

constexpr auto kAny = [](Word) { return true; };

/// A hash with this bucket, of two, and this tag.
std::uint64_t hash_of(std::uint64_t bucket, std::uint64_t tag) { return bucket << 63 | tag; }

class LookupTableTest : public testing::Test {
 protected:
  Word find(std::uint64_t hash) const {
    const EpochGuard guard(epochs_);
    return table_.find(guard, hash, kAny);
  }
  Word find(std::uint64_t hash, Word only) const {
    const EpochGuard guard(epochs_);
    return table_.find(guard, hash, [only](Word word) { return word == only; });
  }

  mutable EpochDomain epochs_;
  LookupTable table_{epochs_, 16};
};

TEST_F(LookupTableTest, FindsWhatWasPutUntilItIsErased) {
  EXPECT_EQ(find(hash_of(0, 7)), 0u);
  table_.put(hash_of(0, 7), 0, 100);
  EXPECT_EQ(find(hash_of(0, 7)), 100u);
  EXPECT_EQ(find(hash_of(1, 7)), 0u);
  EXPECT_EQ(find(hash_of(0, 6)), 0u);
  table_.put(hash_of(0, 7), 100, 102);
  EXPECT_EQ(find(hash_of(0, 7)), 102u);
  table_.erase(hash_of(0, 7), 102);
  EXPECT_EQ(find(hash_of(0, 7)), 0u);
}

TEST_F(LookupTableTest, AnEmptySlotIsNotTheWordOfTagZero) {
  EXPECT_EQ(find(hash_of(0, 0)), 0u);
  table_.put(hash_of(0, 0), 0, 2);
  EXPECT_EQ(find(hash_of(0, 0)), 2u);
}

TEST_F(LookupTableTest, TheCallerChoosesAmongEqualTags) {
  table_.put(hash_of(0, 7), 0, 100);
  table_.put(hash_of(0, 7), 0, 200);
  EXPECT_EQ(find(hash_of(0, 7), 100), 100u);
  EXPECT_EQ(find(hash_of(0, 7), 200), 200u);
  EXPECT_EQ(find(hash_of(0, 7), 300), 0u);
  table_.put(hash_of(0, 7), 100, 300);
  EXPECT_EQ(find(hash_of(0, 7), 100), 0u);
  EXPECT_EQ(find(hash_of(0, 7), 200), 200u);
  EXPECT_EQ(find(hash_of(0, 7), 300), 300u);
}

TEST_F(LookupTableTest, WordsKeepAllTheirBits) {
  const Word largest = LookupTable::kWordEnd - 2;
  table_.put(hash_of(1, 0xff), 0, largest);
  EXPECT_EQ(find(hash_of(1, 0xff)), largest);
}

TEST_F(LookupTableTest, AWordThatIsTooLargeIsNotKeptAndItsForerunnerGoes) {
  table_.put(hash_of(0, 7), 0, 100);
  table_.put(hash_of(0, 7), 100, LookupTable::kWordEnd);
  EXPECT_EQ(find(hash_of(0, 7)), 0u);
  table_.put(hash_of(0, 7), LookupTable::kWordEnd, 102);
  EXPECT_EQ(find(hash_of(0, 7)), 102u);
}

TEST_F(LookupTableTest, TheNinthOfABucketTakesThePlaceOfAnother) {
  for (Word word = 2; word <= 18; word += 2) table_.put(hash_of(0, word), 0, word);
  EXPECT_EQ(find(hash_of(0, 18)), 18u);
  std::size_t found = 0;
  for (Word word = 2; word <= 18; word += 2) found += find(hash_of(0, word)) != 0;
  EXPECT_EQ(found, 8u);
}

// Otherwise it would stay when the other copy is taken out.
TEST_F(LookupTableTest, AWordThatIsPutTwiceIsThereOnce) {
  table_.put(hash_of(0, 7), 0, 100);
  table_.put(hash_of(0, 7), 0, 100);
  table_.put(hash_of(0, 7), 0, 200);
  table_.put(hash_of(0, 7), 200, 100);
  EXPECT_EQ(find(hash_of(0, 7), 200), 0u);
  table_.erase(hash_of(0, 7), 100);
  EXPECT_EQ(find(hash_of(0, 7)), 0u);
}

TEST_F(LookupTableTest, SlotsAreRoundedUpAndCounted) {
  EXPECT_EQ(table_.slots(), 16u);
  EXPECT_EQ(LookupTable(epochs_, 0).slots(), 16u);
  EXPECT_EQ(LookupTable(epochs_, 17).slots(), 32u);
  const LookupTable large(epochs_, 1'000'000);
  EXPECT_EQ(large.slots(), 1u << 20);
  EXPECT_EQ(large.memory_bytes(), 8u << 20);
}

TEST_F(LookupTableTest, GrowthKeepsWhatIsFilledAndWhatIsPutMeanwhile) {
  table_.put(hash_of(0, 1), 0, 100);
  table_.put(hash_of(0, 2), 0, 200);
  table_.put(hash_of(0, 3), 0, 300);
  table_.put(hash_of(0, 4), 0, 400);
  table_.begin_growth(1'000);
  EXPECT_TRUE(table_.is_growing());
  EXPECT_EQ(table_.slots(), 16u);
  table_.put(hash_of(0, 2), 200, 202);
  table_.fill(hash_of(0, 1), 100);
  table_.fill(hash_of(0, 2), 202);  // is known already
  table_.put(hash_of(0, 1), 100, 102);
  table_.fill(hash_of(0, 4), 400);
  table_.erase(hash_of(0, 4), 400);
  EXPECT_EQ(find(hash_of(0, 1)), 102u);
  EXPECT_EQ(find(hash_of(0, 3)), 300u);
  EXPECT_EQ(find(hash_of(0, 4)), 0u);
  table_.finish_growth();
  EXPECT_FALSE(table_.is_growing());
  EXPECT_EQ(table_.slots(), 1'024u);
  EXPECT_EQ(find(hash_of(0, 1)), 102u);
  EXPECT_EQ(find(hash_of(0, 2)), 202u);
  EXPECT_EQ(find(hash_of(0, 3)), 0u);  // was not handed over
  EXPECT_EQ(find(hash_of(0, 4)), 0u);
  table_.erase(hash_of(0, 2), 202);
  EXPECT_EQ(find(hash_of(0, 2)), 0u);
}

TEST_F(LookupTableTest, GivesEveryWordOnceToWhoeverFillsTheNext) {
  LookupTable table(epochs_, 1'024);
  std::vector<Word> words;
  words.reserve(500);
  SeededRandom random(test_seed());
  for (Word word = 2; word <= 1'000; word += 2) {
    words.push_back(word);
    table.put(random.next_u64(), 0, word);
  }
  table.begin_growth(4'096);
  std::vector<Word> taken;
  std::array<Word, 20> some{};
  while (const std::optional<std::size_t> count = table.take_next(some)) {
    taken.insert(taken.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(*count));
  }
  std::sort(taken.begin(), taken.end());
  EXPECT_TRUE(std::includes(words.begin(), words.end(), taken.begin(), taken.end()));
  EXPECT_EQ(std::adjacent_find(taken.begin(), taken.end()), taken.end());
  EXPECT_GT(taken.size(), words.size() * 9 / 10) << "buckets were full";
  EXPECT_EQ(table.take_next(some), std::nullopt);
}

TEST_F(LookupTableTest, WhoTakesFromAnEmptyTableIsNotKeptLong) {
  LookupTable table(epochs_, 1u << 16);
  table.begin_growth(1u << 17);
  std::array<Word, 32> some{};
  std::uint64_t calls = 0;
  while (table.take_next(some).has_value()) ++calls;
  EXPECT_EQ(calls, (1u << 16) / LookupTable::kBucketSlots / LookupTable::kBucketsTakenMax);
}

TEST_F(LookupTableTest, HasAWordUnderItsHashOnly) {
  table_.put(hash_of(0, 7), 0, 100);
  EXPECT_TRUE(table_.has(hash_of(0, 7), 100));
  EXPECT_FALSE(table_.has(hash_of(0, 6), 100));
  EXPECT_FALSE(table_.has(hash_of(1, 7), 100));
  EXPECT_FALSE(table_.has(hash_of(0, 7), 102));
  EXPECT_FALSE(table_.has(hash_of(0, 7), LookupTable::kWordEnd));
}

TEST_F(LookupTableTest, FillingTakesNobodysPlace) {
  table_.begin_growth(16);
  for (Word word = 2; word <= 16; word += 2) table_.put(hash_of(0, word), 0, word);
  table_.fill(hash_of(0, 100), 100);
  table_.finish_growth();
  EXPECT_EQ(find(hash_of(0, 100)), 0u);
  for (Word word = 2; word <= 16; word += 2) EXPECT_EQ(find(hash_of(0, word)), word);
}

TEST_F(LookupTableTest, TheOldTableGoesWhenItsReadersHaveLeft) {
  {
    const EpochGuard guard(epochs_);
    table_.begin_growth(32);
    table_.finish_growth();
    table_.collect();
    EXPECT_EQ(table_.memory_bytes(), 8u * (16 + 32));
  }
  table_.collect();
  EXPECT_EQ(table_.memory_bytes(), 8u * 32);
}

/// A store of a few keys, with hashes that collide in every way, and what the table may say of it.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) {
      step();
      check(below(kKeys));
    }
    for (std::uint64_t key = 0; key < kKeys; ++key) check(key);
    // Else the test would be content with a table that forgets everything.
    EXPECT_GT(found_, steps / 4);
    EXPECT_GT(growths_, 10u);
  }

 private:
  static constexpr std::uint64_t kKeys = 96;

  std::uint64_t below(std::uint64_t limit) { return random_.next_u64() % limit; }
  /// The hash of a third of the keys is also that of another, of others only bucket and tag.
  static std::uint64_t hash(std::uint64_t key) {
    const std::uint64_t same = key % 3 == 1 ? key - 1 : key;
    return (same * 5 % 16) << 60 | same << 20 | same % 4;
  }
  Word current(std::uint64_t key) const {
    const auto found = words_.find(key);
    return found == words_.end() ? 0 : found->second;
  }

  void step() {
    const std::uint64_t key = below(kKeys);
    switch (below(8)) {
      case 0:
        table_.erase(hash(key), current(key));
        words_.erase(key);
        break;
      case 1: grow(); break;
      default: {
        Word word = 2 * ++last_word_;
        if (below(10) == 0) word += LookupTable::kWordEnd;
        key_of_word_[word] = key;
        table_.put(hash(key), current(key), word);
        words_[key] = word;
      }
    }
  }

  /// A table begins to grow, to some size or other; takes some entries; or is finished.
  void grow() {
    if (!table_.is_growing()) {
      table_.begin_growth(below(200));
      next_to_fill_ = 0;
    } else if (next_to_fill_ < kKeys) {
      for (int i = 0; i < 20 && next_to_fill_ < kKeys; ++i, ++next_to_fill_) {
        if (current(next_to_fill_) == 0) continue;
        table_.fill(hash(next_to_fill_), current(next_to_fill_));
      }
    } else {
      table_.finish_growth();
      table_.collect();
      ++growths_;
    }
  }

  void check(std::uint64_t key) {
    const EpochGuard guard(epochs_);
    const Word found = table_.find(guard, hash(key), [&](Word word) {
      const bool is_current = current(key_of_word_.at(word)) == word;
      EXPECT_TRUE(is_current) << "word " << word << " of key " << key_of_word_.at(word);
      return key_of_word_.at(word) == key;
    });
    if (found == 0) return;
    ++found_;
    ASSERT_EQ(found, current(key)) << "key " << key;
  }

  SeededRandom random_;
  EpochDomain epochs_;
  LookupTable table_{epochs_, 64};
  std::unordered_map<std::uint64_t, Word> words_;
  std::unordered_map<Word, std::uint64_t> key_of_word_;
  Word last_word_ = 0;
  std::uint64_t next_to_fill_ = 0;
  std::size_t found_ = 0;
  std::size_t growths_ = 0;
};

TEST(LookupTable, NeverReturnsAWordThatIsNotCurrent) { Model(test_seed()).run(100'000); }

TEST(LookupTable, HoldsMostOfWhatIsHalfItsSlots) {
  EpochDomain epochs;
  LookupTable table(epochs, 4'096);
  std::vector<std::uint64_t> hashes(2'048);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    hashes[i] = hash_key(Space::user, "user" + std::to_string(i));
    table.put(hashes[i], 0, 2 * (i + 1));
  }
  const EpochGuard guard(epochs);
  std::size_t found = 0;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    found += table.find(guard, hashes[i], [&](Word word) { return word == 2 * (i + 1); }) != 0;
  }
  // A bucket gets more than eight of four on average: 1.2 % are forgotten.
  EXPECT_GT(found, hashes.size() * 97 / 100);
}

TEST(KeyHash, DependsOnTheSpaceAndOnEveryByte) {
  const std::uint64_t hash = hash_key(Space::user, "alpine");
  EXPECT_EQ(hash, hash_key(Space::user, "alpine"));
  EXPECT_NE(hash, hash_key(static_cast<Space>(1), "alpine"));
  EXPECT_NE(hash, hash_key(Space::user, "alpinf"));
  EXPECT_NE(hash, hash_key(Space::user, "alpin"));
  EXPECT_NE(hash_key(Space::user, ""), hash_key(static_cast<Space>(1), ""));
}

}  // namespace
}  // namespace talea
