// Copies of all revisions.
#include <gtest/gtest.h>

#include "tests/support/copy_world.h"
#include "transfer/copy.h"

namespace talea {
namespace {

class HistoryCopyTest : public testing::Test, protected CopyWorld {
 protected:
  static CopyOptions all() {
    CopyOptions options;
    options.history = CopyHistory::required;
    return options;
  }
  // What a check finds.
  std::vector<CopyObstacle> obstacles(FakePlace& source, FakePlace& destination) {
    std::vector<CopyObstacle> found;
    const auto home = destination.open();
    const auto checked = check_copy(*source.open(), destination.abilities, home.get(), {}, seams(),
                                    [&](const CopyObstacle& obstacle) {
                                      found.push_back(obstacle);
                                      return Status();
                                    });
    EXPECT_TRUE(checked.ok()) << checked.status().to_string();
    return found;
  }
  // Of each key all that happened to it, in its order.
  static std::map<Bytes, std::vector<FakeRevision>> pasts(const FakePlace& place) {
    std::map<Bytes, std::vector<FakeRevision>> pasts;
    for (const FakeRevision& revision : place.log) pasts[revision.key].push_back(revision);
    return pasts;
  }
  static void fill(FakePlace& place, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < 4; ++i) {
        place.add("key" + std::to_string(i * 7 % 4), std::to_string(round * 10 + i));
      }
    }
  }
};

TEST_F(HistoryCopyTest, EveryRevisionGoesAlong) {
  for (const HomeAbilities& from : {FakeHome::engine(), FakeHome::ledger()}) {
    for (const HomeAbilities& to : {FakeHome::engine(), FakeHome::ledger()}) {
      SCOPED_TRACE(std::string(from.name) + " to " + std::string(to.name));
      FakePlace source(from);
      FakePlace destination(to);
      fill(source, 5);
      const auto copied = copy(source, destination);
      expect_whole(copied, 20);
      EXPECT_TRUE(copied->with_history) << "by itself";
      EXPECT_EQ(copied->remark, "");
      EXPECT_EQ(pasts(destination), pasts(source));
      const bool is_log = !from.removes && !to.removes;
      EXPECT_EQ(destination.log == source.log, is_log) << "the order of a log is kept";
      const auto again = copy(source, destination);
      expect_whole(again, 20);
      EXPECT_EQ(again->skipped, 20U);
      EXPECT_EQ(destination.log.size(), 20U);
      fill(source, 1);
      const auto more = copy(source, destination);
      expect_whole(more, 24);
      EXPECT_EQ(more->written, 4U);
      EXPECT_EQ(pasts(destination), pasts(source));
    }
  }
}

TEST_F(HistoryCopyTest, RemovalsExpiriesAndKeysThatAreGoneAreAPast) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  source.add("gone", "1");
  source.add("again", "1", 4'000'000'000'000);
  source.add_removal("gone");
  source.add_removal("again");
  source.add("again", "2");
  expect_whole(copy(source, destination), 5);
  EXPECT_EQ(pasts(destination), pasts(source));
}

// The oldest revisions that a store still has may begin with the removal of those it gave up.
TEST_F(HistoryCopyTest, ARemovalOfNothingIsPassedOver) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  source.add_removal("a");
  source.add_removal("a");
  source.add("a", "1");
  source.add_removal("a");
  source.add_removal("a");
  source.add_removal("never");
  expect_whole(copy(source, destination), 2);
  EXPECT_EQ(destination.log.size(), 2U);
}

TEST_F(HistoryCopyTest, ARemovalHasNoPlaceInALedgerAndNothingIsWritten) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::ledger());
  fill(source, 2);
  source.add("z", "1");
  source.add_removal("z");
  const auto refused = copy(source, destination);
  EXPECT_EQ(refused.status().code(), Code::unsupported);
  EXPECT_TRUE(has(refused.status(), "key 'z'") && has(refused.status(), "--latest"))
      << refused.status().to_string();
  EXPECT_EQ(destination.writes, 0U);
  const std::vector<CopyObstacle> found = obstacles(source, destination);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, "z");
  CopyOptions latest;
  latest.history = CopyHistory::none;
  expect_whole(copy(source, destination, latest), 4);
}

TEST_F(HistoryCopyTest, AnotherPastIsAConflictAndIsNamed) {
  for (const HomeAbilities& to : {FakeHome::engine(), FakeHome::ledger()}) {
    SCOPED_TRACE(to.name);
    FakePlace source(FakeHome::ledger());
    FakePlace destination(to);
    fill(source, 3);
    expect_whole(copy(source, destination), 12);
    {
      FakePlace changed = destination;
      changed.log[5].value = "99";
      const auto refused = copy(source, changed);
      EXPECT_EQ(refused.status().code(), Code::conflict);
      EXPECT_TRUE(has(refused.status(), "another past")) << refused.status().to_string();
      EXPECT_TRUE(has(refused.status(),
                      to.removes ? "revision 3, of key 'key1'" : "entry 6, of key 'key3'"))
          << refused.status().to_string();
      EXPECT_EQ(changed.log.size(), 12U);
    }
    FakePlace ahead = destination;
    ahead.add("key3", "100");
    const auto refused = copy(source, ahead);
    EXPECT_EQ(refused.status().code(), Code::conflict);
    EXPECT_TRUE(has(refused.status(), "gone on by itself")) << refused.status().to_string();
  }
}

TEST_F(HistoryCopyTest, OtherKeysAreRefusedOrMergedButNotIntoALog) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  fill(source, 2);
  destination.add("other", "1");
  destination.add_removal("other");
  const auto refused = copy(source, destination);
  EXPECT_EQ(refused.status().code(), Code::conflict) << "a past alone is one";
  EXPECT_TRUE(has(refused.status(), "'other'"));
  CopyOptions merge = all();
  merge.merge = true;
  expect_whole(copy(source, destination, merge), 8);
  FakePlace ledger(FakeHome::ledger());
  FakePlace other_ledger(FakeHome::ledger());
  fill(ledger, 1);
  const auto log = copy(ledger, other_ledger, merge);
  EXPECT_EQ(log.status().code(), Code::invalid_argument);
  EXPECT_TRUE(has(log.status(), "--latest")) << log.status().to_string();
}

TEST_F(HistoryCopyTest, WhateverWriteFailsTheSameCopyGoesOn) {
  for (const HomeAbilities& from : {FakeHome::engine(), FakeHome::ledger()}) {
    for (const HomeAbilities& to : {FakeHome::engine(), FakeHome::ledger()}) {
      for (const auto failure :
           {FakePlace::Failure::before, FakePlace::Failure::after, FakePlace::Failure::half}) {
        for (std::uint64_t n = 1;; ++n) {
          SCOPED_TRACE(std::string(from.name) + " to " + std::string(to.name) + ", write " +
                       std::to_string(n));
          FakePlace source(from);
          FakePlace destination(to);
          fill(source, 6);
          destination.fail_from(n, failure);
          const auto stopped = copy(source, destination, all());
          if (stopped.ok()) {
            EXPECT_GT(n, 6U) << "several revisions of a key are several writes";
            break;
          }
          EXPECT_EQ(stopped.status().code(), Code::unavailable);
          destination.heal();
          const std::size_t there = destination.log.size();
          const auto again = copy(source, destination, all());
          expect_whole(again, 24);
          EXPECT_EQ(again->skipped, there);
          EXPECT_EQ(pasts(destination), pasts(source));
        }
      }
    }
  }
}

TEST_F(HistoryCopyTest, AnInterruptionLeavesWhatWasCopiedAndTheNextGoesOn) {
  for (int entries = 0; entries < 12; ++entries) {
    FakePlace source(FakeHome::ledger());
    FakePlace destination(FakeHome::ledger());
    fill(source, 3);
    CopyOptions options = all();
    int asked = 0;
    options.is_interrupted = [&] { return asked++ == entries; };
    EXPECT_EQ(copy(source, destination, options).status().code(), Code::cancelled);
    EXPECT_EQ(destination.log.size(), static_cast<std::size_t>(entries));
    expect_whole(copy(source, destination), 12);
  }
}

TEST_F(HistoryCopyTest, ADifferenceIsFoundWhereverItIs) {
  for (const HomeAbilities& to : {FakeHome::engine(), FakeHome::ledger()}) {
    FakePlace source(FakeHome::ledger());
    fill(source, 3);
    const auto difference = [&](const std::function<void(FakePlace&)>& damage) {
      FakePlace destination(to);
      const auto home = source.open();
      CopyReport report = copy_home(*home, *destination.open(), all(), seams()).value();
      damage(destination);
      EXPECT_TRUE(read_back(*home, *destination.open(), all(), seams(), report).ok());
      return report.difference ? report.difference->key + ": " + report.difference->problem
                               : std::string("none");
    };
    EXPECT_EQ(difference([](FakePlace&) {}), "none");
    const std::string changed = difference([](FakePlace& place) { place.log[4].value = "77"; });
    EXPECT_NE(changed.find("is another in the destination"), std::string::npos) << changed;
    const std::string longer = difference([](FakePlace& place) { place.add("key3", "77"); });
    EXPECT_NE(longer.find("is in the destination alone"), std::string::npos) << longer;
    const std::string shorter = difference([](FakePlace& place) { place.log.pop_back(); });
    EXPECT_NE(shorter.find("is not in the destination"), std::string::npos) << shorter;
  }
}

TEST_F(HistoryCopyTest, WhetherThereIsOneIsDecidedByBothSides) {
  const auto decide = [&](const HomeAbilities& from, const HomeAbilities& to,
                          CopyHistory wanted) -> std::string {
    FakePlace source(from);
    FakePlace destination(to);
    CopyOptions options;
    options.history = wanted;
    const auto copied = copy(source, destination, options);
    if (!copied.ok()) return std::string(copied.status().message());
    return copied->with_history ? "history" : "newest " + copied->remark;
  };
  HomeAbilities keeps_some = FakeHome::engine();
  keeps_some.keeps_all_history = false;
  EXPECT_EQ(decide(FakeHome::engine(), FakeHome::engine(), CopyHistory::none), "newest ");
  EXPECT_EQ(decide(keeps_some, FakeHome::engine(), CopyHistory::required), "history")
      << "of the source all that it has";
  const std::string not_all = decide(keeps_some, FakeHome::engine(), CopyHistory::automatic);
  EXPECT_NE(not_all.find("newest what is there now"), std::string::npos) << not_all;
  EXPECT_NE(not_all.find("--history"), std::string::npos) << not_all;
  EXPECT_EQ(decide(FakeHome::rocksdb(), FakeHome::engine(), CopyHistory::automatic), "newest ")
      << "nobody expects it";
  const std::string some = decide(FakeHome::engine(), keeps_some, CopyHistory::automatic);
  EXPECT_NE(some.find("newest what is there now"), std::string::npos) << some;
  EXPECT_NE(some.find("--retain all"), std::string::npos) << some;
  const std::string no_all = decide(FakeHome::engine(), keeps_some, CopyHistory::required);
  EXPECT_NE(no_all.find("--retain all"), std::string::npos) << no_all;
  EXPECT_NE(no_all.find("--latest"), std::string::npos) << no_all;
  const std::string none = decide(FakeHome::bucket(), FakeHome::ledger(), CopyHistory::required);
  EXPECT_NE(none.find("bucket files keeps the newest value"), std::string::npos) << none;
}

// A store by default keeps the newest revision of a key alone.
TEST_F(HistoryCopyTest, TheCopyOfAStoreThatForgetsCanBeRepeated) {
  HomeAbilities forgets = FakeHome::engine();
  forgets.keeps_all_history = false;
  forgets.keeps_newest_alone = true;
  for (const HomeAbilities& to : {FakeHome::engine(), FakeHome::ledger()}) {
    SCOPED_TRACE(to.name);
    FakePlace source(forgets);
    FakePlace destination(to);
    source.add("a", "1");
    source.add("b", "1");
    expect_whole(copy(source, destination), 2);
    source.log[0].value = "2";  // the older revision is given up
    const auto again = copy(source, destination);
    expect_whole(again, 2);
    EXPECT_FALSE(again->with_history);
    EXPECT_EQ(again->remark, "") << "nobody misses a past that is not kept";
  }
}

TEST_F(HistoryCopyTest, WhatALedgerCannotHoldIsNamedWithAllItsRevisionsByACheck) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::ledger());
  source.add("a", "1");
  source.add("b", "none");
  source.add("b", "2");
  source.add("b", "neither");
  const std::vector<CopyObstacle> found = obstacles(source, destination);
  EXPECT_EQ(found.size(), 2U);
  for (const CopyObstacle& obstacle : found) EXPECT_EQ(obstacle.key, "b");
  EXPECT_EQ(copy(source, destination).status().code(), Code::unsupported);
  FakePlace other(FakeHome::ledger());
  CopyOptions form;
  form.form = ValueForm::to_json;
  expect_whole(copy(source, other, form), 4);
  EXPECT_EQ(other.log.back(), (FakeRevision{.key = "b", .value = "\"neither\""}));
}

// Another copy that is a step ahead, or a put of an earlier one that arrives late.
TEST_F(HistoryCopyTest, WhatSomebodyElseHasWrittenMeanwhileIsNotWrittenTwice) {
  for (const HomeAbilities& from : {FakeHome::engine(), FakeHome::ledger()}) {
    for (const bool is_there : {false, true}) {
      SCOPED_TRACE(std::string(from.name) + (is_there ? ", behind another" : ", the first"));
      FakePlace source(from);
      FakePlace destination(FakeHome::ledger());
      source.add("key", "1");
      if (is_there) {
        expect_whole(copy(source, destination), 1);
        source.add("key", "2");
      }
      const FakeRevision next = source.log.back();
      destination.before_put = [&](FakeHome& home) {
        EXPECT_TRUE(home.write({{.key = next.key, .value = next.value}}).ok());
      };
      const auto refused = copy(source, destination);
      EXPECT_EQ(refused.status().code(), Code::conflict);
      EXPECT_TRUE(has(refused.status(), "somebody else")) << refused.status().to_string();
      EXPECT_EQ(pasts(destination), pasts(source));
      expect_whole(copy(source, destination), source.log.size());
    }
  }
}

TEST_F(HistoryCopyTest, AForeignEntryBetweenThoseOfALogEndsTheCopyAtOnce) {
  FakePlace source(FakeHome::ledger());
  FakePlace destination(FakeHome::ledger());
  fill(source, 3);
  destination.before_put = [](FakeHome& home) {
    EXPECT_TRUE(home.write({{.key = "foreign", .value = "1"}}).ok());
  };
  EXPECT_EQ(copy(source, destination).status().code(), Code::conflict);
  EXPECT_EQ(destination.log.size(), 2U) << "the foreign one, and the one that was on its way";
}

TEST_F(HistoryCopyTest, AKeyThatALedgerDoesNotTakeIsNamed) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::ledger());
  source.add("a", "1");
  source.add("\xff", "1");
  source.add("\xff\xff", "1");
  const auto refused = copy(source, destination);
  EXPECT_EQ(refused.status().code(), Code::unsupported);
  EXPECT_TRUE(has(refused.status(), "key '\\377' cannot be copied: a key is UTF-8"))
      << refused.status().to_string();
  const std::vector<CopyObstacle> found = obstacles(source, destination);
  EXPECT_EQ(found.size(), 2U);
  for (const CopyObstacle& obstacle : found) {
    EXPECT_NE(obstacle.problem.find("a key is UTF-8"), std::string::npos);
  }
}

// The writer of a ledger ended between an entry of the log and the object of its key.
TEST_F(HistoryCopyTest, ALogGoesOnBehindAKeyThatTheSourceDoesNotListYet) {
  FakePlace source(FakeHome::ledger());
  FakePlace destination(FakeHome::ledger());
  source.add("a", "1");
  source.add("new", "1");
  source.unlisted.insert("new");
  expect_whole(copy(source, destination), 2);
  expect_whole(copy(source, destination), 2);
  EXPECT_EQ(obstacles(source, destination).size(), 0U);
}

TEST_F(HistoryCopyTest, ALogThatLostEntriesIsNotCopiedAsAWhole) {
  for (const std::set<std::size_t>& lost :
       {std::set<std::size_t>{0}, std::set<std::size_t>{0, 1, 2}, std::set<std::size_t>{5, 6}}) {
    FakePlace source(FakeHome::ledger());
    FakePlace destination(FakeHome::ledger());
    fill(source, 3);
    source.lost = lost;
    const auto refused = copy(source, destination);
    EXPECT_EQ(refused.status().code(), Code::unsupported);
    EXPECT_TRUE(has(refused.status(), "it has entry " + std::to_string(*lost.rbegin() + 1) +
                                          " where " + std::to_string(*lost.begin()) + " has to be"))
        << refused.status().to_string();
    EXPECT_EQ(destination.log.size(), *lost.begin());
    FakePlace empty(FakeHome::ledger());
    EXPECT_EQ(obstacles(source, empty).size(), 1U);
  }
}

TEST_F(HistoryCopyTest, WhatTheSourceGivesUpMeanwhileCountsOnNeitherSide) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  fill(source, 2);
  source.add("z", "1");
  CopyReport report = copy_home(*source.open(), *destination.open(), all(), seams()).value();
  EXPECT_EQ(report.source.entries, 9U);
  source.log.pop_back();
  ASSERT_TRUE(read_back(*source.open(), *destination.open(), all(), seams(), report).ok());
  EXPECT_FALSE(report.difference.has_value());
  EXPECT_EQ(report.source, report.destination);
  EXPECT_EQ(report.source.entries, 8U);
}

TEST_F(HistoryCopyTest, ACheckFindsAnotherPast) {
  for (const HomeAbilities& to : {FakeHome::engine(), FakeHome::ledger()}) {
    FakePlace source(FakeHome::ledger());
    FakePlace destination(to);
    fill(source, 3);
    expect_whole(copy(source, destination), 12);
    const auto check = [&](FakePlace& place) {
      std::string found;
      const auto home = place.open();
      const auto checked = check_copy(*source.open(), to, home.get(), all(), seams(),
                                      [&](const CopyObstacle& obstacle) {
                                        found += obstacle.problem + ";";
                                        return Status();
                                      });
      EXPECT_EQ(checked.value().source.entries, source.log.size());
      return found;
    };
    EXPECT_EQ(check(destination), "");
    FakePlace ahead = destination;
    ahead.add("key3", "100");
    EXPECT_NE(check(ahead).find("another past, from " +
                                std::string(to.removes ? "revision 4" : "entry 13")),
              std::string::npos)
        << check(ahead);
    destination.log[0].value = "99";
    const std::string found = check(destination);
    EXPECT_NE(found.find("another past"), std::string::npos) << found;
    EXPECT_EQ(std::count(found.begin(), found.end(), ';'), 1) << "once";
  }
}

}  // namespace
}  // namespace talea
