#include "ledger/key_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "tests/support/ledger_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Keys = std::vector<std::string>;

void add(LedgerWorld& world, const Keys& keys) {
  for (const std::string& key : keys) {
    world.fake().put(LedgerWorld::kBucket, key_object_name(key), "{}");
  }
}

Keys all_pages(Ledger& ledger, LedgerKeyRange range) {
  Keys all;
  std::string last;
  while (true) {
    const auto page = ledger.list_keys(range);
    EXPECT_TRUE(page.ok()) << page.status().to_string();
    if (!page.ok() || page->empty()) return all;
    EXPECT_LE(page->size(), range.limit);
    all.insert(all.end(), page->begin(), page->end());
    last = page->back();
    range.after = last;
  }
}

TEST(LedgerKeys, AreInTheirOwnOrderOrInThatOfS3) {
  LedgerWorld world;
  add(world, {"a", "a-b", "a.b", "b", "a/b", "a b"});
  Ledger ledger = world.open();
  EXPECT_EQ(*ledger.list_keys(), (Keys{"a", "a b", "a-b", "a.b", "a/b", "b"}));
  EXPECT_EQ(*ledger.list_keys({.order = LedgerKeyOrder::s3}),
            (Keys{"a b", "a-b", "a.b", "a", "a/b", "b"}));
}

TEST(LedgerKeys, PagesNeitherSkipNorRepeat) {
  LedgerWorld world;
  Keys keys = {"a", "a-b", "a.b", "a-", "a--", "a.json", "a.jso", "a.k", "", "-", ".json", "b"};
  add(world, keys);
  std::sort(keys.begin(), keys.end());
  Ledger ledger = world.open();
  for (std::uint64_t limit = 1; limit <= keys.size() + 1; ++limit) {
    EXPECT_EQ(all_pages(ledger, {.limit = limit}), keys) << limit;
    Keys of_s3 = all_pages(ledger, {.limit = limit, .order = LedgerKeyOrder::s3});
    EXPECT_TRUE(std::is_sorted(of_s3.begin(), of_s3.end(), [](const auto& a, const auto& b) {
      return key_object_name(a) < key_object_name(b);
    }));
    std::sort(of_s3.begin(), of_s3.end());
    EXPECT_EQ(of_s3, keys) << limit;
  }
}

TEST(LedgerKeys, OfAPrefixBeginWithIt) {
  LedgerWorld world;
  add(world, {"a", "a.j", "a.js", "a.json", "ab", "b"});
  Ledger ledger = world.open();
  EXPECT_EQ(*ledger.list_keys_with_prefix("a.js"), (Keys{"a.js", "a.json"}))
      << "not `a`, whose object's name begins so";
  EXPECT_EQ(*ledger.list_keys_with_prefix("a.js", {.order = LedgerKeyOrder::s3}),
            (Keys{"a.js", "a.json"}));
  EXPECT_EQ(*ledger.list_keys_with_prefix("c"), Keys{});
  EXPECT_EQ(*ledger.list_keys_with_prefix("a", {.after = "a.js", .limit = 1}), Keys{"a.json"});
}

TEST(LedgerKeys, AreNoOtherObjects) {
  LedgerWorld world;
  add(world, {"k"});
  for (const char* name : {"keys/notes.txt", "keys/", "keys.json", "other/x.json"}) {
    world.fake().put(LedgerWorld::kBucket, name, "");
  }
  Ledger ledger = world.open();
  EXPECT_EQ(*ledger.list_keys(), Keys{"k"});
  EXPECT_EQ(*ledger.list_keys({.order = LedgerKeyOrder::s3}), Keys{"k"});
}

TEST(LedgerKeys, LimitsAreChecked) {
  LedgerWorld world;
  add(world, {"a", "b"});
  Ledger ledger = world.open();
  EXPECT_EQ(*ledger.list_keys({.limit = 0}), Keys{});
  EXPECT_EQ(ledger.list_keys({.limit = kLedgerPageMax + 1}).status().code(),
            Code::invalid_argument);
}

TEST(LedgerKeys, OfRandomSetsAreAllThereInOrder) {
  const std::uint64_t seed = test_seed();
  SeededRandom random(seed);
  const std::string alphabet = "ab-./!~";
  for (int round = 0; round < 40; ++round) {
    LedgerWorld world;
    s3::FakeProfile profile;
    profile.page_keys_max = 1 + static_cast<std::uint32_t>(random.next_u64() % 7);
    world.fake().set_profile(profile);
    std::set<std::string> keys;
    for (int i = 0; i < 25; ++i) {
      std::string key;
      for (std::uint64_t length = random.next_u64() % 6; length > 0; --length) {
        key += alphabet[random.next_u64() % alphabet.size()];
      }
      keys.insert(key);
    }
    add(world, Keys(keys.begin(), keys.end()));
    Ledger ledger = world.open();
    for (const std::string prefix : {"", "a", "a-", "."}) {
      Keys expected;
      for (const std::string& key : keys) {
        if (key.starts_with(prefix)) expected.push_back(key);
      }
      const std::uint64_t limit = 1 + random.next_u64() % 9;
      EXPECT_EQ(all_pages(ledger, {.prefix = prefix, .limit = limit}), expected)
          << "round " << round << ", prefix " << prefix << ", limit " << limit;
    }
  }
}

}  // namespace
}  // namespace talea
