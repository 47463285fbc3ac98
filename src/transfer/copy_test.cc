// Copies of what is there now.
#include "transfer/copy.h"

#include <gtest/gtest.h>

#include "tests/support/copy_world.h"

namespace talea {
namespace {

constexpr std::uint64_t kLater = 4'000'000'000'000;

class CopyTest : public testing::Test, protected CopyWorld {
 protected:
  static CopyOptions newest() {
    CopyOptions options;
    options.history = CopyHistory::none;
    return options;
  }
  // Values that every home can hold.
  static void fill(FakePlace& place, int count) {
    for (int i = 0; i < count; ++i) {
      place.add("key" + std::to_string(100 + i), "{\"n\":" + std::to_string(i) + "}");
    }
  }
  static std::vector<HomeAbilities> kinds() {
    return {FakeHome::engine(), FakeHome::rocksdb(), FakeHome::ledger(), FakeHome::bucket()};
  }
};

TEST_F(CopyTest, BetweenAnyTwoKindsOfHomesNothingIsLost) {
  for (const HomeAbilities& from : kinds()) {
    for (const HomeAbilities& to : kinds()) {
      SCOPED_TRACE(std::string(from.name) + " to " + std::string(to.name));
      FakePlace source(from);
      FakePlace destination(to);
      fill(source, 25);
      source.add("key103", "\"newer\"");
      const auto before = source.log;
      expect_whole(copy(source, destination, newest()), 25);
      EXPECT_EQ(destination.rows(), source.rows());
      EXPECT_EQ(source.log, before);
      EXPECT_EQ(source.writes, 0U);
    }
  }
}

TEST_F(CopyTest, WhatIsThereIsNotWrittenAgain) {
  for (const HomeAbilities& to : kinds()) {
    for (const bool merge : {false, true}) {
      SCOPED_TRACE(to.name);
      FakePlace source(FakeHome::engine());
      FakePlace destination(to);
      fill(source, 20);
      destination.add("key107", R"({"n":7})");
      destination.add("key108", "0");
      CopyOptions options = newest();
      options.merge = merge;
      const auto first = copy(source, destination, options);
      expect_whole(first, 20);
      EXPECT_EQ(first->skipped, 1U);
      const auto log = destination.log;
      const auto second = copy(source, destination, options);
      expect_whole(second, 20);
      EXPECT_EQ(second->written, 0U);
      EXPECT_EQ(second->source, first->source);
      EXPECT_EQ(destination.log, log);
    }
  }
}

// A store remembers what is overwritten for as long as somebody scans it.
TEST_F(CopyTest, NothingIsScannedAtTheDestinationBehindItsLastKey) {
  for (const HomeAbilities& to : kinds()) {
    FakePlace source(FakeHome::engine());
    FakePlace destination(to);
    fill(source, 20);
    destination.add("key100", R"({"n":0})");
    expect_whole(copy(source, destination, newest()), 20);
    EXPECT_GT(destination.writes, 0U);
    EXPECT_EQ(destination.cursors_at_writes, 0U);
    EXPECT_EQ(destination.cursors, 0U);
  }
}

TEST_F(CopyTest, AnEmptyHomeIsCopied) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::ledger());
  expect_whole(copy(source, destination, newest()), 0);
}

TEST_F(CopyTest, TheHashIsOfKeysValuesAndExpiries) {
  const auto hash_of = [&](const std::vector<FakeRevision>& rows) {
    FakePlace source(FakeHome::engine());
    FakePlace destination(FakeHome::engine());
    source.log = rows;
    return to_hex(copy(source, destination, newest()).value().source.hash);
  };
  // As Python computes it: hashlib.sha256(b"a" + pack("<Q", 1) + b"xy" + pack("<QBQ", 2, 0, 0))
  EXPECT_EQ(hash_of({{"a", "xy"}}),
            to_hex(Sha256::of(BytesView("a\1\0\0\0\0\0\0\0xy\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                                        1 + 8 + 2 + 8 + 1 + 8))));
  const std::set<std::string> different = {
      hash_of({}),
      hash_of({{"a", "xy"}}),
      hash_of({{"ax", "y"}}),
      hash_of({{"a", "x"}, {"y", ""}}),
      hash_of({{"a", "xy", false, kLater}}),
      hash_of({{"a", ""}, {"xy", ""}}),
  };
  EXPECT_EQ(different.size(), 6U);
}

TEST_F(CopyTest, OtherKeysOfTheDestinationAreRefusedBeforeAnythingIsWritten) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::bucket());
  fill(source, 5);
  for (const char* other : {"a", "key102x", "z"}) {
    destination.log.clear();
    destination.add(other, "stays");
    const auto refused = copy(source, destination, newest());
    EXPECT_EQ(refused.status().code(), Code::conflict);
    EXPECT_TRUE(has(refused.status(), "'" + std::string(other) + "'"));
    EXPECT_TRUE(has(refused.status(), "--merge")) << refused.status().to_string();
    EXPECT_EQ(destination.writes, 0U);
  }
}

TEST_F(CopyTest, AMergeLeavesOtherKeysAndComparesThoseThatWereCopied) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  fill(source, 5);
  destination.add("other", "stays");
  destination.add("key102", "older");
  CopyOptions options = newest();
  options.merge = true;
  expect_whole(copy(source, destination, options), 5);
  EXPECT_EQ(destination.rows().size(), 6U);
  EXPECT_EQ(destination.rows().at("other").value, "stays");
}

TEST_F(CopyTest, ExpiriesGoWhereKeysExpireAndNowhereElse) {
  FakePlace source(FakeHome::engine());
  source.add("a", "1");
  source.add("b", "2", kLater);
  for (const HomeAbilities& to : kinds()) {
    FakePlace destination(to);
    const auto copied = copy(source, destination, newest());
    if (to.expires) {
      expect_whole(copied, 2);
      EXPECT_EQ(destination.rows(), source.rows());
      destination.log.back().expiry_ms = kLater + 1;
      const auto again = copy(source, destination, newest());
      expect_whole(again, 2);
      EXPECT_EQ(again->written, 1U) << "another expiry is another row";
      continue;
    }
    EXPECT_EQ(copied.status().code(), Code::unsupported);
    EXPECT_TRUE(has(copied.status(), "key 'b'") && has(copied.status(), "it expires"))
        << copied.status().to_string();
  }
}

TEST_F(CopyTest, WhatTheDestinationCannotHoldIsNamedAndACheckNamesAllOfIt) {
  FakePlace source(FakeHome::engine());
  source.add("a", "1");
  source.add("bytes", Bytes("\xff\0", 2));
  source.add("c", "2");
  source.add("d", "no JSON");
  source.add(Bytes("k\xff"), "1");
  const std::vector<std::pair<HomeAbilities, std::vector<Bytes>>> cases = {
      {FakeHome::ledger(), {"bytes", "d", "k\xff"}},
      {FakeHome::bucket(), {"bytes", "k\xff"}},
      {FakeHome::engine(), {}}};
  for (const auto& [to, obstacles] : cases) {
    SCOPED_TRACE(to.name);
    FakePlace destination(to);
    std::vector<Bytes> found;
    const auto note = [&](const CopyObstacle& obstacle) {
      found.push_back(obstacle.key);
      EXPECT_NE(obstacle.problem, "");
      return Status();
    };
    const auto home = destination.open();
    const auto checked = check_copy(*source.open(), to, home.get(), newest(), seams(), note);
    ASSERT_TRUE(checked.ok()) << checked.status().to_string();
    EXPECT_EQ(found, obstacles);
    EXPECT_EQ(destination.writes, 0U);
    const auto copied = copy(source, destination, newest());
    if (obstacles.empty()) {
      expect_whole(copied, 5);
      continue;
    }
    EXPECT_EQ(copied.status().code(), Code::unsupported);
    EXPECT_TRUE(has(copied.status(), "key 'bytes' cannot be copied"))
        << copied.status().to_string();
    EXPECT_EQ(destination.rows().size(), 1U) << "what comes before it was written";
  }
}

TEST_F(CopyTest, ACheckFindsOtherKeysToo) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  fill(source, 3);
  destination.add("x", "1");
  destination.add("y", "1");
  std::string found;
  const auto note = [&](const CopyObstacle& obstacle) {
    found += obstacle.key + " ";
    return Status();
  };
  const auto home = destination.open();
  const auto checked =
      check_copy(*source.open(), destination.abilities, home.get(), newest(), seams(), note);
  EXPECT_EQ(found, "x y ");
  EXPECT_EQ(checked.value().source.entries, 3U);
  found.clear();
  EXPECT_TRUE(
      check_copy(*source.open(), destination.abilities, nullptr, newest(), seams(), note).ok());
  EXPECT_EQ(found, "") << "where there is no destination yet";
}

TEST_F(CopyTest, AnyBytesGoIntoALedgerAndBack) {
  FakePlace source(FakeHome::engine());
  FakePlace ledger(FakeHome::ledger());
  FakePlace again(FakeHome::engine());
  source.add("bytes", Bytes("\xff\0\xc3", 3));
  source.add("empty", "");
  source.add("json", R"({"base64":"AA=="})");
  source.add("text", "gr\xc3\xbcn \"und\" \n");
  CopyOptions there = newest();
  there.form = ValueForm::to_json;
  expect_whole(copy(source, ledger, there), 4);
  EXPECT_EQ(ledger.rows().at("bytes").value, R"({"base64":"/wDD"})");
  EXPECT_EQ(ledger.rows().at("text").value, R"("gr\u00fcn \"und\" \n")");
  CopyOptions back = newest();
  back.form = ValueForm::from_json;
  expect_whole(copy(ledger, again, back), 4);
  EXPECT_EQ(again.rows(), source.rows());
  ledger.add("number", "1");
  EXPECT_EQ(copy(ledger, again, back).status().code(), Code::unsupported);
}

TEST_F(CopyTest, JsonIsComparedAsAValueInEitherLanguage) {
  for (const bool typescript : {false, true}) {
    FakePlace source(FakeHome::engine());
    FakePlace destination(FakeHome::ledger());
    destination.prints_typescript = typescript;
    source.add("a", R"( { "z": 20.0, "a": [1e5, -0.0, "\u00fc"] } )");
    expect_whole(copy(source, destination, newest()), 1);
    const auto again = copy(source, destination, newest());
    expect_whole(again, 1);
    EXPECT_EQ(again->written, 0U);
    source.add("a", R"({"z":21,"a":[1e5,0,"ü"]})");
    EXPECT_EQ(copy(source, destination, newest()).value().written, 1U);
  }
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::ledger());
  source.add("exact", "9007199254740993");
  destination.add("exact", "9007199254740992");
  EXPECT_EQ(copy(source, destination, newest()).value().written, 1U)
      << "a double is no measure of an integer";
}

TEST_F(CopyTest, WhateverWriteFailsTheSameCopyGoesOn) {
  for (const HomeAbilities& to : kinds()) {
    const std::uint64_t count = to.has_batches ? 2500 : 12;
    const bool waits = !to.has_revisions;
    const std::uint64_t writes = (to.has_batches ? 3 : count) + (waits ? 1 : 0);
    for (const auto failure :
         {FakePlace::Failure::before, FakePlace::Failure::after, FakePlace::Failure::half}) {
      for (std::uint64_t n = 1; n <= writes + 1; ++n) {
        SCOPED_TRACE(std::string(to.name) + ", write " + std::to_string(n));
        FakePlace source(FakeHome::engine());
        FakePlace destination(to);
        destination.waits_for_publish = waits;
        fill(source, static_cast<int>(count));
        destination.fail_from(n, failure);
        const auto stopped = copy(source, destination, newest());
        ASSERT_EQ(stopped.ok(), n > writes);
        if (stopped.ok()) continue;
        EXPECT_EQ(stopped.status().code(), Code::unavailable);
        destination.heal();
        const std::size_t there = destination.rows().size();
        const auto again = copy(source, destination, newest());
        expect_whole(again, count);
        EXPECT_EQ(again->skipped, there);
        EXPECT_EQ(destination.rows(), source.rows());
        EXPECT_EQ(destination.log.size(), count) << "nothing was written twice";
      }
    }
  }
}

TEST_F(CopyTest, AnInterruptionLeavesWhatWasCopiedAndTheNextGoesOn) {
  for (const HomeAbilities& to : kinds()) {
    FakePlace source(FakeHome::rocksdb());
    fill(source, 7);
    for (int entries = 0; entries <= 7; ++entries) {
      SCOPED_TRACE(std::string(to.name) + " after " + std::to_string(entries));
      FakePlace destination(to);
      destination.waits_for_publish = !to.has_revisions;
      CopyOptions options = newest();
      int asked = 0;
      options.is_interrupted = [&] { return asked++ == entries; };
      const auto stopped = copy(source, destination, options);
      EXPECT_EQ(stopped.status().code(), Code::cancelled);
      EXPECT_EQ(destination.rows().size(), static_cast<std::size_t>(entries));
      const auto again = copy(source, destination, newest());
      expect_whole(again, 7);
      EXPECT_EQ(again->skipped, static_cast<std::uint64_t>(entries));
    }
  }
}

TEST_F(CopyTest, ADifferenceIsFoundWhereverItIs) {
  FakePlace source(FakeHome::engine());
  fill(source, 9);
  const auto difference = [&](const std::function<void(FakePlace&)>& damage, bool merge) {
    FakePlace destination(FakeHome::engine());
    CopyOptions options = newest();
    options.merge = merge;
    const auto home = source.open();
    CopyReport report = copy_home(*home, *destination.open(), options, seams()).value();
    damage(destination);
    EXPECT_TRUE(read_back(*home, *destination.open(), options, seams(), report).ok());
    if (!report.difference) return std::string("none");
    EXPECT_NE(report.source.hash, report.destination.hash);
    return report.difference->key + ": " + report.difference->problem;
  };
  for (const bool merge : {false, true}) {
    EXPECT_EQ(difference([](FakePlace&) {}, merge), "none");
    EXPECT_EQ(difference([](FakePlace& place) { place.log[4].value = "x"; }, merge),
              "key104: it has another value there");
    EXPECT_EQ(difference([](FakePlace& place) { place.log[8].expiry_ms = kLater; }, merge),
              "key108: it expires at another time there");
    EXPECT_EQ(difference([](FakePlace& place) { place.add_removal("key100"); }, merge),
              "key100: it is not in the destination");
    EXPECT_EQ(difference([](FakePlace& place) { place.add("key1000", "x"); }, merge),
              merge ? "none" : "key1000: the source does not have it");
  }
}

TEST_F(CopyTest, AKeyThatExpiresMeanwhileIsNoDifference) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  fill(source, 3);
  source.add("soon", "1", clock.wall_ms() + 10);
  const auto home = source.open();
  CopyReport report = copy_home(*home, *destination.open(), newest(), seams()).value();
  clock.advance_ms(20);
  destination.add_removal("soon");
  ASSERT_TRUE(read_back(*home, *destination.open(), newest(), seams(), report).ok());
  EXPECT_FALSE(report.difference.has_value());
  EXPECT_EQ(report.source, report.destination);
  EXPECT_EQ(report.source.entries, 3U);
}

TEST_F(CopyTest, ValuesThatAreReplacedAreCounted) {
  for (const bool merge : {false, true}) {
    FakePlace source(FakeHome::engine());
    FakePlace destination(FakeHome::engine());
    fill(source, 5);
    destination.add("key100", R"({"n":0})");
    destination.add("key101", "another");
    destination.add("key103", R"({"n":3})", kLater);
    CopyOptions options = newest();
    options.merge = merge;
    const auto home = destination.open();
    const auto checked = check_copy(*source.open(), destination.abilities, home.get(), options,
                                    seams(), [](const CopyObstacle&) { return Status(); });
    EXPECT_EQ(checked.value().replaced, 2U);
    const auto copied = copy(source, destination, options);
    expect_whole(copied, 5);
    EXPECT_EQ(copied->replaced, 2U);
    EXPECT_EQ(copied->written, 4U);
    EXPECT_EQ(copy(source, destination, options)->replaced, 0U);
  }
}

TEST_F(CopyTest, ProgressIsTold) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  fill(source, 5);
  std::vector<std::uint64_t> told;
  CopyOptions options = newest();
  options.progress = [&](std::uint64_t entries, std::uint64_t) { told.push_back(entries); };
  EXPECT_TRUE(copy_home(*source.open(), *destination.open(), options, seams()).ok());
  EXPECT_EQ(told, (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5}));
}

}  // namespace
}  // namespace talea
