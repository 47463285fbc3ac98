// The home of a ledger, on a store in this process.
#include "home/home_of_ledger.h"

#include <gtest/gtest.h>

#include "home/home_testing.h"
#include "tests/support/ledger_world.h"

namespace talea {
namespace {

struct LedgerHomeWorld : LedgerWorld {
  explicit LedgerHomeWorld(s3::Versioning versioning = s3::Versioning::enabled)
      : LedgerWorld(versioning) {}

  std::unique_ptr<Home> home(const std::string& prefix = {}) {
    return home_of_ledger(open(one_at_a_time(), prefix), place(prefix), false);
  }
  std::unique_ptr<Home> reader(const std::string& prefix = {}) {
    LedgerOptions options = one_at_a_time();
    options.read_only = true;
    return home_of_ledger(open(options, prefix), place(prefix), true);
  }
  static LedgerPlace place(const std::string& prefix) {
    return {.name = "s3://records/" + prefix, .prefix_bytes = prefix.size()};
  }
};

TEST(HomeOfLedger, KeepsValuesAndTheirPast) {
  LedgerHomeWorld world;
  const auto home = world.home();
  EXPECT_EQ(home->put("k", R"({"n":1})").value(), 0U);
  EXPECT_EQ(home->put_pieces("k", source_of(R"("two")")).value(), 1U);
  EXPECT_EQ(home->write({{.key = "a", .value = "1"}, {.key = "k", .value = "null"}}).value(), 3U);
  EXPECT_TRUE(home->publish().ok());
  EXPECT_EQ(value_of(home->get("k")), "null");
  EXPECT_EQ(home->get("k").value()->revision, 3U);
  EXPECT_EQ(value_of(home->get("none")), "nothing");
  EXPECT_EQ(revisions_of(home->history("k", {})), (std::vector<std::uint64_t>{3, 1, 0}));
  EXPECT_EQ(rows_of(home->revisions("k")),
            (Rows{{"k", R"({"n":1})"}, {"k", R"("two")"}, {"k", "null"}}));
  EXPECT_EQ(rows_of(home->revisions("k", 0)), (Rows{{"k", R"("two")"}, {"k", "null"}}));
  EXPECT_EQ(rows_of(home->revisions(std::nullopt)),
            (Rows{{"k", R"({"n":1})"}, {"k", R"("two")"}, {"a", "1"}, {"k", "null"}}));
  for (std::uint64_t after = 0; after < 5; ++after) {
    EXPECT_EQ(rows_of(home->revisions(std::nullopt, after)).size(), after < 3 ? 3 - after : 0);
  }
  EXPECT_TRUE(home->close().ok());
}

TEST(HomeOfLedger, AnswersAsOfThePast) {
  LedgerHomeWorld world;
  const auto home = world.home();
  world.s3.clock.set_wall_ms(1000);
  ASSERT_TRUE(home->put("a", "1").ok());
  world.s3.clock.set_wall_ms(2000);
  ASSERT_TRUE(home->put("b", "1").ok());
  world.s3.clock.set_wall_ms(3000);
  ASSERT_TRUE(home->put("a", "2").ok());
  EXPECT_EQ(value_of(home->get("a", At::sequence(0))), "1");
  EXPECT_EQ(value_of(home->get("a", At::sequence(1))), "1");
  EXPECT_EQ(value_of(home->get("a", At::sequence(2))), "2");
  EXPECT_EQ(value_of(home->get("b", At::sequence(0))), "nothing");
  EXPECT_EQ(home->get("a", At::sequence(3)).status().code(), Code::invalid_argument);
  EXPECT_EQ(value_of(home->get("a", At::time_ms(999))), "nothing");
  EXPECT_EQ(value_of(home->get("a", At::time_ms(2999))), "1");
  EXPECT_EQ(value_of(home->get("a", At::time_ms(3000))), "2");
  EXPECT_EQ(rows_of(home->scan({}, false, At::sequence(0))), (Rows{{"a", "1"}}));
  EXPECT_EQ(rows_of(home->scan({}, false, At::sequence(1))), (Rows{{"a", "1"}, {"b", "1"}}));
  EXPECT_EQ(home->scan({}, false, At::sequence(9)).status().code(), Code::invalid_argument);
}

TEST(HomeOfLedger, APastLongerThanAPageIsFound) {
  LedgerHomeWorld world;
  const auto home = world.home();
  for (int n = 0; n < 40; ++n) ASSERT_TRUE(home->put("k", std::to_string(n)).ok());
  EXPECT_EQ(value_of(home->get("k", At::sequence(2))), "2");
  EXPECT_EQ(rows_of(home->revisions(std::nullopt)).size(), 40U);
  std::vector<std::uint64_t> pages;
  RevisionRange range{.before = 0, .limit = 15};
  for (;;) {
    const auto page = revisions_of(home->history("k", range));
    pages.insert(pages.end(), page.begin(), page.end());
    if (page.size() < range.limit) break;
    range.before = page.back();
  }
  ASSERT_EQ(pages.size(), 40U);
  for (std::uint64_t n = 0; n < 40; ++n) EXPECT_EQ(pages[n], 39 - n);
}

// Of 256 entries and of 16 MiB; and what is written meanwhile moves no page.
TEST(HomeOfLedger, TheRevisionsOfAKeyComeInTheirOrderOverManyPages) {
  LedgerHomeWorld world;
  const auto home = world.home();
  std::vector<HomeWrite> writes;
  writes.reserve(600);
  for (int n = 0; n < 600; ++n) writes.push_back({.key = "k", .value = std::to_string(n)});
  ASSERT_TRUE(home->write(writes).ok());
  for (const std::optional<std::uint64_t> after :
       {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(0),
        std::optional<std::uint64_t>(343), std::optional<std::uint64_t>(344),
        std::optional<std::uint64_t>(598), std::optional<std::uint64_t>(599)}) {
    const auto cursor = home->revisions("k", after).value();
    ASSERT_TRUE(home->put("k", R"("later")").ok());
    std::uint64_t expected = after ? *after + 1 : 0;
    while (cursor->next().value()) {
      if (expected == 600) break;  // those that are later
      ASSERT_EQ(cursor->entry().revision, expected);
      ASSERT_EQ(cursor->entry().value, std::to_string(expected));
      ++expected;
    }
    EXPECT_EQ(expected, 600U);
  }
}

TEST(HomeOfLedger, TheRevisionsOfAKeyAreNotAllInMemory) {
  LedgerHomeWorld world;
  const auto home = world.home();
  const Bytes value = '"' + Bytes(kMiB - 2, 'v') + '"';
  for (int n = 0; n < 34; ++n) ASSERT_TRUE(home->put("k", value).ok());
  const auto cursor = home->revisions("k").value();
  const std::uint64_t before = world.fake().requests();
  ASSERT_TRUE(cursor->next().value());
  EXPECT_EQ(cursor->entry().revision, 0U);
  EXPECT_LE(world.fake().requests() - before, 5U) << "the last page was read last";
  int rows = 1;
  while (cursor->next().value()) ++rows;
  EXPECT_EQ(rows, 34);
  const std::uint64_t requests = world.fake().requests() - before;
  EXPECT_GE(requests, 15U) << "the page in the middle, of 16 MiB, is read again";
  EXPECT_LE(requests, 20U) << "and no other is";
}

TEST(HomeOfLedger, AHistoryGoesOnWhereItsLastPageEnded) {
  LedgerHomeWorld world;
  const auto home = world.home();
  for (int n = 0; n < 30; ++n) ASSERT_TRUE(home->put("k", std::to_string(n)).ok());
  ASSERT_EQ(home->history("k", {.before = 0, .limit = 20}).value().size(), 20U);
  const std::uint64_t before = world.fake().requests();
  EXPECT_EQ(revisions_of(home->history("k", {.before = 10, .limit = 5})),
            (std::vector<std::uint64_t>{9, 8, 7, 6, 5}));
  EXPECT_LE(world.fake().requests() - before, 6U) << "a list and five entries";
}

TEST(HomeOfLedger, ScansRangesInTheOrderOfKeys) {
  LedgerHomeWorld world;
  const auto home = world.home();
  for (const char* key : {"a", "a-b", "a.b", "a/c", "b", "b/1", "b/2", "c"}) {
    ASSERT_TRUE(home->put(key, "1").ok());
  }
  const auto keys = [&](const ScanRange& range) {
    std::string joined;
    for (const auto& [key, value] : rows_of(home->scan(range, true))) joined += key + " ";
    const Rows rows = rows_of(home->scan(range, false));
    std::string again;
    for (const auto& [key, value] : rows) {
      again += key + " ";
      EXPECT_EQ(value, "1");
    }
    EXPECT_EQ(joined, again);
    return joined;
  };
  EXPECT_EQ(keys({}), "a a-b a.b a/c b b/1 b/2 c ");
  EXPECT_EQ(keys({.reverse = true}), "c b/2 b/1 b a/c a.b a-b a ");
  EXPECT_EQ(keys({.prefix = "b/"}), "b/1 b/2 ");
  EXPECT_EQ(keys({.prefix = "b", .reverse = true, .limit = 2}), "b/2 b/1 ");
  EXPECT_EQ(keys({.start = "a.b"}), "a.b a/c b b/1 b/2 c ");
  EXPECT_EQ(keys({.start = "a.a"}), "a.b a/c b b/1 b/2 c ");
  EXPECT_EQ(keys({.start = "a.b", .end = "b/2"}), "a.b a/c b b/1 ");
  EXPECT_EQ(keys({.prefix = "a", .start = "a-b", .end = "a/"}), "a-b a.b ");
  EXPECT_EQ(keys({.prefix = "b", .start = "a"}), "b b/1 b/2 ");
  EXPECT_EQ(keys({.limit = 3}), "a a-b a.b ");
  EXPECT_EQ(keys({.prefix = "none"}), "");
}

TEST(HomeOfLedger, OfManyKeysNoneIsLeftOut) {
  LedgerHomeWorld world;
  const auto home = world.home();
  Rows expected;
  for (int n = 100; n < 180; ++n) {
    expected.emplace_back("k" + std::to_string(n), std::to_string(n));
    ASSERT_TRUE(home->put(expected.back().first, expected.back().second).ok());
  }
  s3::FakeProfile profile = world.fake().profile();
  profile.page_keys_max = 7;
  world.fake().set_profile(profile);
  EXPECT_EQ(rows_of(home->scan({}, false)), expected);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(rows_of(home->scan({.reverse = true}, false)), expected);
}

TEST(HomeOfLedger, ConditionsAreThoseOfTheLedger) {
  LedgerHomeWorld world;
  const auto home = world.home();
  EXPECT_TRUE(home->put("k", "1", {.absent = true}).ok());
  EXPECT_EQ(home->put("k", "2", {.absent = true}).status().code(), Code::conflict);
  EXPECT_TRUE(home->put("k", "2", {.revision = 0}).ok());
  EXPECT_EQ(home->put("k", "3", {.revision = 0}).status().code(), Code::conflict);
  EXPECT_EQ(value_of(home->get("k")), "2");
}

TEST(HomeOfLedger, WhatALedgerDoesNotDoIsRefusedBeforeAnyRequest) {
  LedgerHomeWorld world;
  const auto home = world.home("app/");
  const HomeRefusals& refusals = home->abilities().refusals;
  EXPECT_EQ(text_of(home->remove("k").status()), "unsupported: " + std::string(refusals.removes));
  EXPECT_NE(refusals.removes.find("null"), std::string_view::npos);
  EXPECT_EQ(text_of(home->put("k", "1", {}, Expiry::at(1)).status()),
            "unsupported: " + std::string(refusals.expires));
  EXPECT_EQ(home->put("k", "1", {.present = true}).status().code(), Code::unsupported);
  EXPECT_EQ(
      home->write({{.key = "k", .value = "1"}, {.key = "k", .is_remove = true}}).status().code(),
      Code::unsupported);
  EXPECT_EQ(home->write({{.key = "k", .value = "1"}, {.key = "l", .value = "1", .expiry_ms = 1}})
                .status()
                .code(),
            Code::unsupported);
  EXPECT_EQ(home->write({{.key = "k", .value = "1"}, {.key = "l", .value = "red"}}).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(world.fake().requests(), 0U);
}

TEST(HomeOfLedger, AValueIsJsonAndAKeyFitsItsObject) {
  LedgerHomeWorld world;
  const auto home = world.home("app/");
  const Status text = home->check("k", "red");
  EXPECT_EQ(text.code(), Code::invalid_argument);
  EXPECT_NE(text.message().find(R"('"red"')"), std::string_view::npos) << text.to_string();
  for (const char* value : {"", "NaN", "{\"a\":1,\"a\":2}", "\xff", "[1"}) {
    EXPECT_EQ(home->check("k", value).code(), Code::invalid_argument) << value;
  }
  for (const char* value : {"1", "\"red\"", "null", R"({"a":[true,1.5]})"}) {
    EXPECT_TRUE(home->check("k", value).ok()) << value;
  }
  EXPECT_TRUE(home->check(Bytes(1010, 'k'), "1").ok());
  const Status too_long = home->check(Bytes(1011, 'k'), "1");
  EXPECT_EQ(too_long.code(), Code::invalid_argument);
  EXPECT_NE(too_long.message().find("1025"), std::string_view::npos) << too_long.to_string();
  EXPECT_EQ(home->check("a\nb", "1").code(), Code::invalid_argument);
  EXPECT_EQ(home->check("\xff", "1").code(), Code::invalid_argument);
  EXPECT_EQ(home->put("k", "red").status().code(), Code::invalid_argument);
  EXPECT_EQ(world.fake().requests(), 0U);
}

TEST(HomeOfLedger, SeveralValuesThatStopInTheMiddleSaySo) {
  LedgerHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  world.fake().set_plan([](const s3::FakeRequest& request) {
    const bool is_second = request.body.find("\"key\":\"c\"") != std::string::npos;
    return is_second ? s3::Fault::answer(403) : s3::Fault();
  });
  const Status failed =
      home->write({{.key = "b", .value = "1"}, {.key = "c", .value = "1"}}).status();
  EXPECT_FALSE(failed.ok());
  EXPECT_NE(failed.message().find("1 of 2"), std::string_view::npos) << failed.to_string();
  world.fake().clear_plan();
  EXPECT_EQ(rows_of(home->scan({}, true)), (Rows{{"a", ""}, {"b", ""}}));
}

TEST(HomeOfLedger, ALedgerThatIsNotThereIsNoEmptyOne) {
  LedgerHomeWorld world;
  const auto reader = world.reader("app/");
  for (const Status& status :
       {reader->get("k").status(), reader->get("k", At::sequence(1)).status(),
        reader->scan({}, false).status(), reader->history("k", {}).status(),
        reader->revisions("k").status(), reader->revisions(std::nullopt).status(),
        reader->verify({}).status(), reader->facts().status()}) {
    EXPECT_EQ(status.code(), Code::not_found);
    EXPECT_NE(status.message().find("s3://records/app/"), std::string_view::npos)
        << status.to_string();
  }
  ASSERT_TRUE(world.home("app/")->put("k", "1").ok());
  EXPECT_EQ(value_of(reader->get("none")), "nothing");
  EXPECT_EQ(value_of(reader->get("k")), "1");
}

TEST(HomeOfLedger, ReadingMakesFewRequests) {
  LedgerHomeWorld world;
  const auto home = world.home();
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(home->put(std::to_string(n), "1").ok());
  const auto reader = world.reader();
  std::uint64_t before = world.fake().requests();
  EXPECT_EQ(value_of(reader->get("3")), "1");
  EXPECT_EQ(world.fake().requests() - before, 2U) << "the check of the log, and the object";
  before = world.fake().requests();
  EXPECT_EQ(rows_of(reader->scan({}, true)).size(), 10U);
  EXPECT_LE(world.fake().requests() - before, 2U) << "whether it is there, and a list";
}

TEST(HomeOfLedger, VerifyNamesWhatIsWrong) {
  LedgerHomeWorld world;
  const auto home = world.home();
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(home->put(key, "1").ok());
  const auto sound = home->verify({}).value();
  EXPECT_EQ(sound.entries, 3U);
  EXPECT_EQ(sound.keys, 3U);
  EXPECT_TRUE(sound.findings.empty());
  EXPECT_EQ(sound.head, world.log().back().hash);

  const auto versions = world.fake().versions(LedgerWorld::kBucket, "_log.json");
  Bytes changed = *versions[1].bytes;
  changed.replace(changed.find("\"value\":1"), 9, "\"value\":2");
  world.fake().damage(LedgerWorld::kBucket, "_log.json", versions[1].id, changed);
  const auto damaged = home->verify({}).value();
  ASSERT_FALSE(damaged.findings.empty());
  EXPECT_EQ(damaged.findings.front().place, "b");
  EXPECT_EQ(damaged.findings.front().sequence, 1U);
  EXPECT_EQ(damaged.findings.front().version_id, versions[1].id);
  EXPECT_NE(damaged.findings.front().problem.find("hash"), std::string::npos);
}

TEST(HomeOfLedger, VerifyNamesNoEntryWhereNoneIsKnown) {
  LedgerHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  world.fake().put(LedgerWorld::kBucket, "keys/b.json", "nonsense");
  const auto found = home->verify({}).value();
  ASSERT_EQ(found.findings.size(), 1U);
  EXPECT_EQ(found.findings.front().place, "b");
  EXPECT_FALSE(found.findings.front().sequence.has_value());
}

TEST(HomeOfLedger, AKeyWhoseObjectIsOnItsWayIsThere) {
  for (const char* key : {"a", "b/1", "m", "z"}) {
    LedgerHomeWorld world;
    for (const char* other : {"b", "c", "n"}) ASSERT_TRUE(world.home()->put(other, "1").ok());
    world.append_orphan(key, "2");
    Rows expected = {{"b", "1"}, {"c", "1"}, {"n", "1"}, {key, "2"}};
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(rows_of(world.reader()->scan({}, false)), expected);
    EXPECT_EQ(rows_of(world.reader()->scan({.start = key}, true)).front().first, key);
    EXPECT_EQ(rows_of(world.reader()->scan({.limit = 2}, false)),
              Rows(expected.begin(), expected.begin() + 2));
    EXPECT_EQ(rows_of(world.reader()->scan({}, false, At::sequence(3))), expected);
    const Rows without = rows_of(world.reader()->scan({.end = key}, false));
    for (const auto& [name, value] : without) EXPECT_LT(name, key);
    std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(rows_of(world.reader()->scan({.reverse = true}, false)), expected);
    EXPECT_EQ(std::get<std::uint64_t>(world.reader()->facts().value().front().value), 4U);
  }
}

TEST(HomeOfLedger, OfAPageOfKeysTheNewestIsInItsPlace) {
  LedgerHomeWorld world;
  const auto home = world.home();
  Rows expected;
  for (int n = 0; n < 1005; ++n) {
    std::string key = "k" + std::to_string(10000 + n);
    world.fake().put(LedgerWorld::kBucket, "keys/" + key + ".json", "{}");
    expected.emplace_back(std::move(key), "");
  }
  world.append_orphan("k11004b", "1");
  expected.emplace_back("k11004b", "");
  EXPECT_EQ(rows_of(world.reader()->scan({}, true)), expected);
}

TEST(HomeOfLedger, APastThatExpiredIsNoMissingKey) {
  LedgerHomeWorld world;
  const auto home = world.home();
  for (int n = 0; n < 4; ++n) {
    world.s3.clock.set_wall_ms(1000U * static_cast<unsigned>(n + 1));
    ASSERT_TRUE(home->put("k", std::to_string(n)).ok());
  }
  ASSERT_TRUE(home->put("l", "1").ok());
  EXPECT_EQ(value_of(home->get("l", At::sequence(0))), "nothing");
  EXPECT_EQ(value_of(home->get("k", At::time_ms(999))), "nothing");
  for (const char* name : {"_log.json", "keys/k.json"}) {
    const auto versions = world.fake().versions(LedgerWorld::kBucket, name);
    for (std::size_t n = 0; n < 2; ++n) {
      world.fake().remove_version(LedgerWorld::kBucket, name, versions[n].id);
    }
  }
  EXPECT_EQ(value_of(home->get("k", At::sequence(2))), "2");
  EXPECT_EQ(value_of(home->get("l", At::sequence(2))), "nothing");
  const Status expired = home->get("k", At::sequence(1)).status();
  EXPECT_EQ(expired.code(), Code::not_found);
  EXPECT_NE(expired.message().find("oldest entry is 2"), std::string_view::npos);
  EXPECT_EQ(home->get("k", At::time_ms(2999)).status().code(), Code::not_found);
  EXPECT_EQ(value_of(home->get("k", At::time_ms(3000))), "2");
  const auto rows = home->scan({}, false, At::sequence(0)).value();
  EXPECT_EQ(rows->next().status().code(), Code::not_found);
}

TEST(HomeOfLedger, AHistoryIsReadInPiecesOfBytes) {
  LedgerHomeWorld world;
  const auto home = world.home();
  const std::string value = "\"" + std::string(9 * kMiB, 'v') + "\"";
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(home->put("k", value).ok());
  const std::uint64_t before = world.fake().requests();
  EXPECT_EQ(revisions_of(home->history("k", {})), (std::vector<std::uint64_t>{2, 1, 0}));
  std::size_t lists = 0;
  for (const std::string& request : world.requests_since(before))
    lists += request == "GET ?versions";
  EXPECT_EQ(lists, 3U) << "one entry of 9 MiB in memory at once, and not three";
}

TEST(HomeOfLedger, OfAWriteWhoseOutcomeIsUnknownItSaysSo) {
  LedgerHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  bool is_lost = false;
  world.fake().set_plan([&](const s3::FakeRequest& request) {
    is_lost |= request.body.find("\"key\":\"c\"") != std::string::npos;
    return is_lost ? s3::Fault::lose_answer() : s3::Fault();
  });
  const Status unknown =
      home->write({{.key = "b", .value = "1"}, {.key = "c", .value = "1"}}).status();
  EXPECT_EQ(unknown.code(), Code::timed_out) << unknown.to_string();
  EXPECT_NE(unknown.message().find("the next perhaps"), std::string_view::npos);
}

TEST(HomeOfLedger, TellsWhereItsHeadIs) {
  LedgerHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  ASSERT_TRUE(home->put("b", "1").ok());
  std::map<std::string_view, std::variant<std::uint64_t, std::string>> facts;
  for (const HomeFact& fact : home->facts().value()) facts[fact.name] = fact.value;
  EXPECT_EQ(std::get<std::uint64_t>(facts.at("keys")), 2U);
  EXPECT_EQ(std::get<std::uint64_t>(facts.at("last_sequence")), 1U);
  EXPECT_EQ(std::get<std::string>(facts.at("last_key")), "b");
  EXPECT_EQ(std::get<std::string>(facts.at("head")), world.log().back().hash);
}

}  // namespace
}  // namespace talea
