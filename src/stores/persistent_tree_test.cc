// PersistentTree against std::map: every version of it, long after later ones were made.
#include "stores/persistent_tree.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>

#include "base/random.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Model = std::map<Bytes, Bytes>;

void expect_equal(const PersistentTree& tree, const Model& model) {
  PersistentTree::Cursor cursor(tree);
  EXPECT_FALSE(cursor.is_at_row());
  cursor.seek("");
  for (const auto& [key, value] : model) {
    ASSERT_TRUE(cursor.is_at_row());
    ASSERT_EQ(cursor.entry().key, key);
    ASSERT_EQ(cursor.entry().value, value);
    cursor.next();
  }
  ASSERT_FALSE(cursor.is_at_row());
  cursor.seek_before("\xff");
  for (auto row = model.rbegin(); row != model.rend(); ++row) {
    ASSERT_TRUE(cursor.is_at_row());
    ASSERT_EQ(cursor.entry().key, row->first);
    cursor.previous();
  }
  ASSERT_FALSE(cursor.is_at_row());
}

void expect_seeks(const PersistentTree& tree, const Model& model, const Bytes& key) {
  PersistentTree::Cursor cursor(tree);
  cursor.seek(key);
  const auto above = model.lower_bound(key);
  ASSERT_EQ(cursor.is_at_row(), above != model.end());
  if (cursor.is_at_row()) {
    ASSERT_EQ(cursor.entry().key, above->first);
    cursor.previous();
    ASSERT_EQ(cursor.is_at_row(), above != model.begin());
    if (cursor.is_at_row()) {
      ASSERT_EQ(cursor.entry().key, std::prev(above)->first);
    }
  }
  cursor.seek_before(key);
  ASSERT_EQ(cursor.is_at_row(), above != model.begin());
  if (!cursor.is_at_row()) return;
  ASSERT_EQ(cursor.entry().key, std::prev(above)->first);
  cursor.next();
  ASSERT_EQ(cursor.is_at_row(), above != model.end());
}

TEST(PersistentTree, EveryVersionStaysWhatItWas) {
  SeededRandom random(test_seed());
  const auto key = [&] { return Bytes("k") + std::to_string(random.next_u64() % 300); };
  std::vector<std::pair<PersistentTree, Model>> versions = {{}};
  for (int step = 0; step < 2000; ++step) {
    auto [tree, model] = versions[random.next_u64() % 3 == 0 ? random.next_u64() % versions.size()
                                                             : versions.size() - 1];
    const Bytes changed = key();
    if (random.next_u64() % 3 == 0) {
      tree = tree.without(changed);
      model.erase(changed);
    } else {
      const Bytes value = std::to_string(step);
      tree = tree.with(changed, value, random.next_u64());
      model[changed] = value;
    }
    const Bytes asked = key();
    const auto found = tree.find(asked);
    ASSERT_EQ(found != nullptr, model.contains(asked));
    if (found != nullptr) {
      ASSERT_EQ(found->value, model[asked]);
    }
    expect_seeks(tree, model, key());
    if (step % 20 == 0) {
      versions.emplace_back(tree, model);
    } else {
      versions.back() = {tree, model};
    }
  }
  for (const auto& [tree, model] : versions) expect_equal(tree, model);
}

// Its height does not follow from the order of the keys: a list of so many would overrun the stack
// of who ends it, and take hours to make.
TEST(PersistentTree, AscendingKeysMakeNoList) {
  SeededRandom random(1);
  PersistentTree tree;
  constexpr int kKeys = 50'000;
  for (int i = 0; i < kKeys; ++i) {
    tree = tree.with(std::to_string(1'000'000 + i), "", random.next_u64());
  }
  PersistentTree::Cursor cursor(tree);
  cursor.seek("");
  int keys = 0;
  for (; cursor.is_at_row(); cursor.next()) ++keys;
  EXPECT_EQ(keys, kKeys);
}

TEST(PersistentTree, ATreeWithoutAKeyItHasNotIsTheSame) {
  const PersistentTree empty;
  EXPECT_EQ(empty.without("a").find("a"), nullptr);
  const PersistentTree tree = empty.with("b", "1", 7);
  EXPECT_EQ(tree.without("a").find("b"), tree.find("b"));
  EXPECT_EQ(tree.without("b").find("b"), nullptr);
  PersistentTree::Cursor cursor(empty);
  cursor.seek("");
  EXPECT_FALSE(cursor.is_at_row());
}

TEST(PersistentTreeDeathTest, ACursorAtNoRowHasNoEntry) {
  PersistentTree::Cursor cursor{PersistentTree()};
  EXPECT_DEATH(static_cast<void>(cursor.entry()), "is_at_row");
  EXPECT_DEATH(cursor.next(), "is_at_row");
}

}  // namespace
}  // namespace talea
