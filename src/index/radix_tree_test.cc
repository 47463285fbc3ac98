#include "index/radix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "index/radix_testing.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Word = RadixTree::Word;
using Direction = RadixTree::Direction;
using Model = std::map<Bytes, Word>;

class Tree {
 public:
  explicit Tree(std::size_t keys_max = 1'000'000) : keys_(keys_max) {}

  /// Upserts `key` with a new word.
  std::optional<Word> upsert(BytesView key) { return tree_.upsert(key, keys_.add(key)); }
  Word add_entry(BytesView key) { return keys_.add(key); }
  RadixTree& operator*() { return tree_; }
  RadixTree* operator->() { return &tree_; }

  std::optional<Word> find(BytesView key) {
    const EpochGuard guard(epochs_);
    return tree_.find(guard, key);
  }
  std::vector<Word> find_many(const std::vector<BytesView>& keys) {
    const EpochGuard guard(epochs_);
    std::vector<Word> words(keys.size(), 1);  // what no word is
    tree_.find_many(guard, keys, words);
    return words;
  }
  std::vector<Word> rows(std::optional<RadixTree::Bound> from, Direction direction,
                         std::size_t count) {
    const EpochGuard guard(epochs_);
    std::vector<Word> words(count);
    words.resize(tree_.rows(guard, from, direction, words));
    return words;
  }
  std::vector<Bytes> keys(std::optional<RadixTree::Bound> from, Direction direction,
                          std::size_t count = 1'000) {
    std::vector<Bytes> found;
    Bytes scratch;
    for (const Word word : rows(from, direction, count)) {
      found.emplace_back(keys_.key_at(word, scratch));
    }
    return found;
  }

 private:
  EpochDomain epochs_;
  KeysInMemory keys_;
  RadixTree tree_{epochs_, keys_};
};

using Keys = std::vector<Bytes>;

template <typename Iterator>
std::vector<Word> words_of(Iterator at, Iterator end, std::size_t count) {
  std::vector<Word> words;
  for (; at != end && words.size() < count; ++at) words.push_back(at->second);
  return words;
}

std::vector<Word> model_rows(const Model& model, std::optional<RadixTree::Bound> from,
                             Direction direction, std::size_t count) {
  if (direction == Direction::ascending) {
    const auto at = !from             ? model.begin()
                    : from->inclusive ? model.lower_bound(Bytes(from->key))
                                      : model.upper_bound(Bytes(from->key));
    return words_of(at, model.end(), count);
  }
  const auto at = !from             ? model.end()
                  : from->inclusive ? model.upper_bound(Bytes(from->key))
                                    : model.lower_bound(Bytes(from->key));
  return words_of(std::make_reverse_iterator(at), model.rend(), count);
}

TEST(RadixTree, IsEmptyAtFirst) {
  Tree tree;
  EXPECT_EQ(tree->size(), 0u);
  EXPECT_EQ(tree.find("a"), std::nullopt);
  EXPECT_EQ(tree->remove("a"), std::nullopt);
  EXPECT_FALSE(tree->replace("a", 2, 4));
  EXPECT_TRUE(tree.keys({}, Direction::ascending).empty());
  EXPECT_TRUE(tree.keys({}, Direction::descending).empty());
  EXPECT_EQ(tree->memory_bytes(), 0u);
}

TEST(RadixTree, AnUpsertReturnsTheWordThatItReplaced) {
  Tree tree;
  EXPECT_EQ(tree.upsert("alps"), std::nullopt);
  const Word first = *tree.find("alps");
  EXPECT_EQ(tree.upsert("alps"), first);
  EXPECT_NE(tree.find("alps"), first);
  EXPECT_EQ(tree->size(), 1u);
}

TEST(RadixTree, AnInsertLeavesTheWordThatIsThere) {
  Tree tree;
  for (const char* key : {"a", "ab", "b"}) {
    const Word word = tree.add_entry(key);
    EXPECT_EQ(tree->insert(key, word), std::nullopt);
    EXPECT_EQ(tree->insert(key, tree.add_entry(key)), word);
    EXPECT_EQ(tree.find(key), word);
  }
  EXPECT_EQ(tree->size(), 3U);
}

TEST(RadixTree, FindsNothingButTheKeyItself) {
  Tree tree;
  for (const char* key : {"alps", "alpine", "bat"}) tree.upsert(key);
  for (const char* key : {"alps", "alpine", "bat"}) EXPECT_TRUE(tree.find(key)) << key;
  for (const char* key : {"", "a", "al", "alp", "alpi", "alpsx", "alpinex", "c", "ba", "amps"}) {
    EXPECT_FALSE(tree.find(key)) << key;
  }
}

TEST(RadixTree, FindsManyKeysAtOnce) {
  Tree tree;
  EXPECT_EQ(tree.find_many({"a"}), std::vector<Word>({0}));
  const Word alps = tree.add_entry("alps");
  tree->upsert("alps", alps);
  EXPECT_EQ(tree.find_many({"alps", "bat"}), std::vector<Word>({alps, 0}));
  const Word bat = tree.add_entry("bat");
  tree->upsert("bat", bat);
  EXPECT_EQ(tree.find_many({}), std::vector<Word>());
  EXPECT_EQ(tree.find_many({"bat", "", "alps", "ba", "bats", "c", "bat"}),
            std::vector<Word>({bat, 0, alps, 0, 0, 0, bat}));
}

TEST(RadixTree, AKeyMayBeThePrefixOfAnother) {
  Tree tree;
  Keys keys;
  for (std::size_t i = 0; i < 100; ++i) keys.push_back(Bytes(i, 'a'));
  for (std::size_t i = 0; i < keys.size(); ++i) tree.upsert(keys[(i * 37) % keys.size()]);
  for (const Bytes& key : keys) EXPECT_TRUE(tree.find(key)) << key.size();
  EXPECT_EQ(tree.keys({}, Direction::ascending), keys);
  for (std::size_t i = 1; i < keys.size(); i += 2) EXPECT_TRUE(tree->remove(keys[i]));
  for (std::size_t i = 0; i < keys.size(); ++i)
    EXPECT_EQ(tree.find(keys[i]).has_value(), i % 2 == 0);
}

TEST(RadixTree, ABoundNeedNotBeAKey) {
  Tree tree;
  for (const char* key : {"b", "bb", "d"}) tree.upsert(key);
  const auto up = [&](BytesView from, bool inclusive) {
    return tree.keys(RadixTree::Bound{from, inclusive}, Direction::ascending);
  };
  const auto down = [&](BytesView from, bool inclusive) {
    return tree.keys(RadixTree::Bound{from, inclusive}, Direction::descending);
  };
  EXPECT_EQ(up("a", true), Keys({"b", "bb", "d"}));
  EXPECT_EQ(up("b", true), Keys({"b", "bb", "d"}));
  EXPECT_EQ(up("b", false), Keys({"bb", "d"}));
  EXPECT_EQ(up("c", true), Keys({"d"}));
  EXPECT_EQ(up("d", false), Keys());
  EXPECT_EQ(down("a", true), Keys());
  EXPECT_EQ(down("b", true), Keys({"b"}));
  EXPECT_EQ(down("b", false), Keys());
  EXPECT_EQ(down("ba", true), Keys({"b"}));
  EXPECT_EQ(down("c", true), Keys({"bb", "b"}));
  EXPECT_EQ(down("z", true), Keys({"d", "bb", "b"}));
}

TEST(RadixTree, FillsNoMoreRowsThanThereIsRoomFor) {
  Tree tree;
  for (int i = 0; i < 300; ++i) tree.upsert(std::to_string(1'000 + i));
  EXPECT_TRUE(tree.rows({}, Direction::ascending, 0).empty());
  EXPECT_EQ(tree.keys({}, Direction::ascending, 2), Keys({"1000", "1001"}));
  EXPECT_EQ(tree.keys({}, Direction::descending, 2), Keys({"1299", "1298"}));
  EXPECT_EQ(tree.rows({}, Direction::ascending, 301).size(), 300u);
}

TEST(RadixTree, ReplacesAWordOnlyIfItIsTheExpectedOne) {
  Tree tree;
  tree.upsert("a");
  tree.upsert("b");
  const Word old = *tree.find("a");
  const Word moved = tree.add_entry("a");
  EXPECT_FALSE(tree->replace("a", moved, moved));
  EXPECT_TRUE(tree->replace("a", old, moved));
  EXPECT_EQ(tree.find("a"), moved);
  EXPECT_FALSE(tree->replace("a", old, moved));
  EXPECT_FALSE(tree->replace("c", old, moved));
  EXPECT_EQ(tree->size(), 2u);
}

// Prefixes of more bytes than a node holds are taken on trust on the way down.
TEST(RadixTree, TellsKeysApartThatDifferWhereNoNodeHoldsTheByte) {
  Tree tree;
  const Bytes path(100, 'p');
  tree.upsert(path + "a");
  tree.upsert(path + "b");
  for (std::size_t i = 0; i < path.size(); ++i) {
    Bytes other = path + "a";
    other[i] = 'q';
    EXPECT_FALSE(tree.find(other)) << i;
    EXPECT_EQ(tree->remove(other), std::nullopt) << i;
    EXPECT_EQ(tree.keys(RadixTree::Bound{other}, Direction::ascending), Keys()) << i;
    EXPECT_EQ(tree.keys(RadixTree::Bound{other}, Direction::descending),
              Keys({path + "b", path + "a"}))
        << i;
  }
  for (std::size_t i = 0; i < path.size(); ++i) {
    Bytes other = path + (i % 2 == 0 ? "a" : "c");
    other[i] = 'q';
    EXPECT_EQ(tree.upsert(other), std::nullopt) << i;
    EXPECT_EQ(tree.upsert(path.substr(0, i)), std::nullopt) << i;
  }
  EXPECT_EQ(tree->size(), 202u);
  EXPECT_TRUE(tree.find(path + "a"));
  EXPECT_TRUE(tree.find(path + "b"));
  const Keys ascending = tree.keys({}, Direction::ascending);
  EXPECT_EQ(ascending.size(), 202u);
  EXPECT_TRUE(std::is_sorted(ascending.begin(), ascending.end()));
}

TEST(RadixTree, TakesTheLongestKeys) {
  Tree tree;
  constexpr std::size_t kBytes = 66'560;
  Bytes key(kBytes, 'k');
  EXPECT_EQ(tree.upsert(key), std::nullopt);
  for (const std::size_t at : {std::size_t{0}, kBytes / 2, kBytes - 1}) {
    Bytes other = key;
    other[at] = '\0';
    EXPECT_EQ(tree.upsert(other), std::nullopt);
    EXPECT_EQ(tree.upsert(key.substr(0, at)), std::nullopt);
  }
  EXPECT_EQ(tree->size(), 7u);
  EXPECT_TRUE(tree.find(key));
  EXPECT_LT(tree->node_bytes(), 1'000u);
  EXPECT_EQ(tree.rows({}, Direction::descending, 10).size(), 7u);
}

TEST(RadixTree, GoesDownAPathOfAsManyNodesAsBytes) {
  Tree tree;
  const Bytes key(3'000, 'k');
  for (std::size_t bytes = 0; bytes <= key.size(); ++bytes) tree.upsert(key.substr(0, bytes));
  EXPECT_EQ(tree.rows({}, Direction::ascending, 10'000).size(), 3'001u);
  EXPECT_EQ(tree.rows({}, Direction::descending, 10'000).size(), 3'001u);
  for (std::size_t bytes = 0; bytes <= key.size(); ++bytes) tree->remove(key.substr(0, bytes));
  EXPECT_EQ(tree->size(), 0u);
}

TEST(RadixTree, GrowsAndShrinksThroughAllKindsOfNodes) {
  Tree tree;
  std::vector<std::uint64_t> bytes_at(258);
  const auto key = [](int i) { return i == 256 ? Bytes("k") : Bytes("k") + static_cast<char>(i); };
  for (int i = 0; i <= 256; ++i) {
    tree.upsert(key((i * 101) % 257));
    tree->collect();
    bytes_at[static_cast<std::size_t>(i) + 1] = tree->node_bytes();
  }
  EXPECT_EQ(bytes_at[1], 0u);
  EXPECT_EQ(bytes_at[2], 32u);
  EXPECT_EQ(bytes_at[257], 2096u);
  for (int i = 256; i >= 0; --i) {
    EXPECT_TRUE(tree->remove(key((i * 53) % 257)));
    tree->collect();
    for (int other = 0; other <= 256; ++other) {
      EXPECT_EQ(tree.find(key((other * 53) % 257)).has_value(), other < i);
    }
    // At most one size above what the insertions had.
    const std::size_t rows = static_cast<std::size_t>(i);
    EXPECT_LE(tree->node_bytes(), bytes_at[std::min<std::size_t>(257, rows + rows / 2 + 2)]);
  }
  EXPECT_EQ(tree->node_bytes(), 0u);
}

TEST(RadixTree, ASymbolThatComesAndGoesTakesNoMemory) {
  Tree tree;
  for (const char* key : {"ka", "kb", "kc"}) tree.upsert(key);
  for (int i = 0; i < 10'000; ++i) {
    const Bytes key = Bytes("k") + static_cast<char>(i);
    if (tree.find(key)) continue;
    tree.upsert(key);
    tree->remove(key);
  }
  tree->collect();
  EXPECT_LE(tree->node_bytes(), 128u);
}

TEST(RadixTree, GivesItsMemoryBackWhenAllKeysAreRemoved) {
  SeededRandom random(test_seed());
  Tree tree;
  Keys keys;
  for (int i = 0; i < 200'000; ++i) {
    Bytes key(12, '\0');
    random.fill({reinterpret_cast<unsigned char*>(key.data()), key.size()});
    keys.push_back(key);
    tree.upsert(key);
  }
  EXPECT_GT(tree->memory_bytes(), NodePool::kRegionBytes);
  EXPECT_LT(tree->node_bytes(), 30 * tree->size());
  for (const Bytes& key : keys) EXPECT_TRUE(tree->remove(key));
  tree->collect();
  EXPECT_EQ(tree->size(), 0u);
  EXPECT_EQ(tree->node_bytes(), 0u);
  EXPECT_LE(tree->memory_bytes(), NodePool::kRegionBytes);
}

void check_rows(Tree& tree, const Model& model, std::optional<RadixTree::Bound> from,
                std::size_t count) {
  for (const Direction direction : {Direction::ascending, Direction::descending}) {
    ASSERT_EQ(tree.rows(from, direction, count), model_rows(model, from, direction, count));
  }
}

/// Some keys at once: up to a few more than are searched together.
void check_find_many(Tree& tree, const Model& model, AwkwardKeys& keys) {
  const std::uint64_t count = keys.below(40);
  Keys sought;
  std::vector<Word> expected;
  sought.reserve(count);
  expected.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    sought.push_back(keys.next());
    const auto found = model.find(sought.back());
    expected.push_back(found == model.end() ? 0 : found->second);
  }
  ASSERT_EQ(tree.find_many({sought.begin(), sought.end()}), expected);
}

TEST(RadixTree, DoesWhatAMapDoes) {
  SeededRandom random(test_seed());
  AwkwardKeys keys(random);
  for (int round = 0; round < 8; ++round) {
    Tree tree;
    Model model;
    for (int i = 0; i < 15'000; ++i) {
      const Bytes key = keys.next();
      const auto at = model.find(key);
      const std::optional<Word> current =
          at == model.end() ? std::nullopt : std::optional(at->second);
      // The rounds and their halves differ in what they do most, so that the tree grows and
      // shrinks.
      const std::uint64_t removals = (i / 2'500) % 2 == 0 ? 2 : 6;
      const std::uint64_t action = keys.below(10);
      if (action < removals) {
        ASSERT_EQ(tree->remove(key), current);
        model.erase(key);
      } else if (action == 9) {
        const Word word = tree.add_entry(key);
        ASSERT_EQ(tree->replace(key, current.value_or(word), word), current.has_value());
        if (current) model[key] = word;
      } else if (action == 8) {
        const Word word = tree.add_entry(key);
        ASSERT_EQ(tree->insert(key, word), current);
        model.try_emplace(key, word);
      } else {
        const Word word = tree.add_entry(key);
        ASSERT_EQ(tree->upsert(key, word), current);
        model[key] = word;
      }
      ASSERT_EQ(tree->size(), model.size());
      const Bytes other = keys.next();
      const auto found = model.find(other);
      ASSERT_EQ(tree.find(other),
                found == model.end() ? std::nullopt : std::optional(found->second));
      if (i % 16 == 0) {
        check_rows(tree, model, RadixTree::Bound{other, keys.below(2) == 0}, keys.below(100));
        check_find_many(tree, model, keys);
      }
    }
    check_rows(tree, model, {}, model.size() + 1);
    for (const auto& [key, word] : model) ASSERT_EQ(tree->remove(key), word);
    tree->collect();
    ASSERT_EQ(tree->node_bytes(), 0u);
  }
}

TEST(NodePool, BlocksDoNotOverlapAndComeBack) {
  SeededRandom random(test_seed());
  constexpr std::array<std::uint16_t, 3> kSizes = {16, 48, 2096};
  NodePool pool(kSizes);
  std::map<char*, std::size_t> blocks;  // to the size position
  std::uint64_t bytes = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::uint64_t number = random.next_u64();
    if (number % 5 < 3 || blocks.empty()) {
      const std::size_t size = (number >> 8) % kSizes.size();
      char* const block = static_cast<char*>(pool.allocate(size));
      std::fill_n(block, kSizes[size], static_cast<char>(size));
      const auto at = blocks.emplace(block, size).first;
      if (const auto next = std::next(at); next != blocks.end()) {
        ASSERT_LE(block + kSizes[size], next->first);
      }
      if (at != blocks.begin()) {
        const auto previous = std::prev(at);
        ASSERT_LE(previous->first + kSizes[previous->second], block);
      }
      bytes += kSizes[size];
    } else {
      const auto at = blocks.begin();
      for (std::size_t j = 0; j < kSizes[at->second]; ++j) {
        ASSERT_EQ(at->first[j], static_cast<char>(at->second));
      }
      bytes -= kSizes[at->second];
      pool.free(at->first);
      blocks.erase(at);
    }
    ASSERT_EQ(pool.block_bytes(), bytes);
    ASSERT_GE(pool.memory_bytes(), bytes);
  }
  for (const auto& [block, size] : blocks) pool.free(block);
  EXPECT_EQ(pool.block_bytes(), 0u);
  EXPECT_LE(pool.memory_bytes(), NodePool::kRegionBytes);
}

}  // namespace
}  // namespace talea
