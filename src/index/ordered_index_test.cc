#include "index/ordered_index.h"

#include <gtest/gtest.h>

namespace talea {
namespace {

constexpr Space kA{1};
constexpr Space kB{256};

TEST(OrderedIndex, ReturnsTheLocationItReplaced) {
  OrderedIndex index;
  EXPECT_EQ(index.upsert(kA, "k", {1, 2, 3}), std::nullopt);
  EXPECT_EQ(index.upsert(kA, "k", {4, 5, 6}), (Location{1, 2, 3}));
  EXPECT_EQ(index.find(kA, "k"), (Location{4, 5, 6}));
  EXPECT_EQ(index.remove(kA, "k"), (Location{4, 5, 6}));
  EXPECT_EQ(index.remove(kA, "k"), std::nullopt);
  EXPECT_EQ(index.find(kA, "k"), std::nullopt);
  EXPECT_EQ(index.size(), 0U);
}

TEST(OrderedIndex, WalksOneSpaceInTheOrderOfBytesAndNoFurther) {
  OrderedIndex index;
  const Bytes low("\0", 1);
  const Bytes high("\xff\xff", 2);
  for (const Space space : {kB, kA}) {
    for (const Bytes& key : {high, Bytes("m"), low, Bytes("m") + low}) {
      index.upsert(space, key, {1, 1, 1});
    }
  }
  for (const Space space : {kA, kB}) {
    std::vector<Bytes> keys;
    for (auto row = index.at_or_after(space, "", true); row;
         row = index.at_or_after(space, row->key, false)) {
      keys.push_back(row->key);
    }
    EXPECT_EQ(keys, (std::vector<Bytes>{low, "m", Bytes("m") + low, high}));
    std::vector<Bytes> reversed;
    for (auto row = index.before(space, std::nullopt); row; row = index.before(space, row->key)) {
      reversed.push_back(row->key);
    }
    EXPECT_EQ(reversed, std::vector<Bytes>(keys.rbegin(), keys.rend()));
  }
  EXPECT_EQ(index.at_or_after(Space{2}, "", true), std::nullopt);
  EXPECT_EQ(index.before(Space{0}, std::nullopt), std::nullopt);
}

TEST(OrderedIndex, ReachesTheLastSpaceThereIs) {
  OrderedIndex index;
  constexpr Space kLast{UINT32_MAX};
  index.upsert(kLast, "k", {1, 1, 1});
  EXPECT_EQ(index.before(kLast, std::nullopt)->key, "k");
  EXPECT_EQ(index.at_or_after(kLast, "k", false), std::nullopt);
}

}  // namespace
}  // namespace talea
