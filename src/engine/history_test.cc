// Past revisions, through the store, on a disk in memory and with a clock that is set by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "engine/backup.h"
#include "engine/history_testing.h"
#include "engine/repair.h"
#include "index/key_hash.h"
#include "index/run_file.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

TEST_F(HistoryTest, AKeyIsReadAsItWasAfterABatch) {
  const Sequence first = put("key", "one");
  put("other", "value");
  const Sequence second = put("key", "two");
  const Sequence removed = remove("key");
  const Sequence third = put("key", "three");
  EXPECT_EQ(get("key", first - 1), "absent");
  EXPECT_EQ(get("key", first), "one");
  EXPECT_EQ(get("key", second - 1), "one");
  EXPECT_EQ(get("key", second), "two");
  EXPECT_EQ(get("key", removed), "absent");
  EXPECT_EQ(get("key", third), "three");
  EXPECT_EQ(store_->get(Space::user, "key", At::sequence(second)).value()->revision, second);
}

TEST_F(HistoryTest, AKeyIsReadAsItWasAtATime) {
  put("key", "one");    // at 1 ms
  put("key", "two");    // at 2 ms
  remove("key");        // at 3 ms
  put("key", "three");  // at 4 ms
  const auto at = [&](std::uint64_t ms) { return get("key", At::time_ms(kBegan + ms)); };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(at(0), "absent");
    EXPECT_EQ(at(1), "one");
    EXPECT_EQ(at(2), "two");
    EXPECT_EQ(at(3), "absent");
    EXPECT_EQ(at(4), "three");
    checkpoint();
  }
  clock_.advance_ms(10);
  EXPECT_EQ(at(14), "three");
}

TEST_F(HistoryTest, AManyTimesChangedKeyIsFoundByTimeInItsRun) {
  for (int i = 1; i <= 500; ++i) put("key", std::to_string(i));  // at i ms
  checkpoint();
  for (int i = 1; i <= 500; ++i) {
    ASSERT_EQ(get("key", At::time_ms(kBegan + static_cast<std::uint64_t>(i))), std::to_string(i));
  }
}

TEST_F(HistoryTest, AtATimeWhatHadExpiredIsAbsentAndAtASequenceItIsThere) {
  clock_.advance_ms(1);
  ASSERT_TRUE(
      store_->commit(Batch().put("key", "one", Expiry::after(milliseconds(10))), nullptr).ok());
  const Sequence first = store_->stats().last_sequence;
  clock_.advance_ms(20);
  put("key", "two");
  EXPECT_EQ(get("key", At::time_ms(kBegan + 10)), "one");
  EXPECT_EQ(get("key", At::time_ms(kBegan + 11)), "absent");
  EXPECT_EQ(get("key", first), "one");
  EXPECT_EQ(store_->get(Space::user, "key", At::sequence(first)).value()->expiry_ms, kBegan + 11);
  EXPECT_EQ(scan(At::time_ms(kBegan + 10)), "key=one");
  EXPECT_EQ(scan(At::time_ms(kBegan + 11)), "");
  EXPECT_EQ(scan(At::sequence(first)), "key=one");
  EXPECT_EQ(history("key")[1].expiry_ms, kBegan + 11);
}

TEST_F(HistoryTest, WhatIsYetToComeIsRefused) {
  const Sequence last = put("key", "value");
  EXPECT_EQ(get("key", last + 1), "invalid_argument");
  EXPECT_EQ(get("key", At::time_ms(kBegan + 2)), "invalid_argument");
  EXPECT_EQ(scan(At::sequence(last + 1)), "invalid_argument");
  EXPECT_EQ(get("", last), "invalid_argument");
}

TEST_F(HistoryTest, RevisionsAreListedNewestFirst) {
  const Sequence first = put("key", "one");
  const Sequence second = put("key", "three");
  checkpoint();
  const Sequence removed = remove("key");
  const Sequence last = put("key", "x");
  EXPECT_EQ(sequences("key"), (std::vector<Sequence>{last, removed, second, first}));
  EXPECT_EQ(sequences("key", {.limit = 2}), (std::vector<Sequence>{last, removed}));
  EXPECT_EQ(sequences("key", {.before = removed}), (std::vector<Sequence>{second, first}));
  EXPECT_EQ(sequences("key", {.before = removed, .limit = 1}), (std::vector<Sequence>{second}));
  EXPECT_TRUE(sequences("key", {.before = first}).empty());
  EXPECT_TRUE(sequences("absent").empty());
  const std::vector<Revision> all = history("key");
  EXPECT_EQ(all[0].value_bytes, 1U);
  EXPECT_TRUE(all[1].is_remove);
  EXPECT_EQ(all[2].value_bytes, 5U);
  EXPECT_EQ(all[2].time_ms, kBegan + 2);
  EXPECT_FALSE(all[2].is_remove);
}

TEST_F(HistoryTest, WhatABatchChangesTwiceIsOneRevision) {
  const Sequence first = put("key", "one");
  const Sequence second =
      store_->commit(Batch().put("key", "x").remove("key").put("key", "two"), nullptr).value();
  const Sequence third =
      store_->commit(Batch().put("key", "y").put("new", "z").remove("key").remove("new"), nullptr)
          .value();
  const Sequence fourth = put("key", "four");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(sequences("key"), (std::vector<Sequence>{fourth, third, second, first}));
    EXPECT_EQ(get("key", second), "two");
    EXPECT_EQ(get("key", third), "absent");
    EXPECT_EQ(get("new", third), "absent");
    round == 0 ? checkpoint() : kill();
  }
}

TEST_F(HistoryTest, ThePastStaysThroughCheckpointsReopensAndCompaction) {
  std::vector<Sequence> written;
  const auto value = [](int i) { return std::to_string(i) + Bytes(2000, 'v'); };
  for (int i = 0; i < 400; ++i) {
    written.push_back(put("key" + std::to_string(i % 7), value(i)));
    if (i % 50 == 20) checkpoint();
    if (i % 100 == 30) reopen();
    if (i % 100 == 60) kill();
    if (i % 100 == 90) compact();
  }
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 400; ++i) {
      const Bytes key = "key" + std::to_string(i % 7);
      ASSERT_EQ(get(key, written[static_cast<std::size_t>(i)]), value(i)) << i;
    }
    EXPECT_EQ(history("key0").size(), 58U);
    round % 2 == 0 ? compact() : reopen();
  }
  expect_clean();
}

TEST_F(HistoryTest, AScanSeesTheStoreAsItWas) {
  put("a", "1");
  put("b", "1");
  put("c", "1");
  const Sequence first = store_->stats().last_sequence;
  const std::uint64_t first_time = clock_.wall_ms();
  checkpoint();
  put("b", "2");
  remove("c");
  put("d", "2");
  const Sequence second = store_->stats().last_sequence;
  const std::uint64_t second_time = clock_.wall_ms();
  put("a", "3");
  remove("b");
  put("c", "3");
  const Sequence third = store_->stats().last_sequence;
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(scan(At::sequence(0)), "");
    EXPECT_EQ(scan(At::sequence(first)), "a=1 b=1 c=1");
    EXPECT_EQ(scan(At::time_ms(first_time)), "a=1 b=1 c=1");
    EXPECT_EQ(scan(At::sequence(second)), "a=1 b=2 d=2");
    EXPECT_EQ(scan(At::time_ms(second_time)), "a=1 b=2 d=2");
    EXPECT_EQ(scan(At::sequence(second), {.reverse = true}), "d=2 b=2 a=1");
    EXPECT_EQ(scan(At::sequence(second), {.limit = 2}), "a=1 b=2");
    EXPECT_EQ(scan(At::sequence(second), {.start = "b"}), "b=2 d=2");
    EXPECT_EQ(scan(At::sequence(second), {.end = "b"}), "a=1");
    EXPECT_EQ(scan(At::sequence(second), {.end = "d", .reverse = true}), "b=2 a=1");
    EXPECT_EQ(scan(At::sequence(second), {.prefix = "d"}), "d=2");
    EXPECT_EQ(scan(At::sequence(third)), "a=3 c=3 d=2");
    if (round == 0) checkpoint();
    if (round == 1) reopen();
    if (round == 2) compact();
  }
}

TEST_F(HistoryTest, KeysThatHaveAPastAreListedWhetherTheyAreThereOrNot) {
  const auto keys = [&](const ScanRange& range = {}) {
    std::string listed;
    Scan scan = store_->scan_keys_with_past(Space::user, range).value();
    while (scan.next().value()) {
      listed += (listed.empty() ? "" : " ") + Bytes(scan.key());
      EXPECT_EQ(scan.value().status().code(), Code::invalid_argument);
      EXPECT_EQ(scan.revision().status().code(), Code::invalid_argument);
      EXPECT_FALSE(history(scan.key()).empty());
    }
    return listed;
  };
  put("bravo", "1");
  put("delta", "1");
  put("alpha", "1");
  remove("bravo");
  put("alpha", "2");
  EXPECT_EQ(keys(), "alpha bravo delta") << "in the buffers";
  ASSERT_TRUE(store_->checkpoint().ok());
  EXPECT_EQ(keys(), "alpha bravo delta") << "in the runs";
  put("charlie", "1");
  remove("charlie");
  remove("delta");
  EXPECT_EQ(keys(), "alpha bravo charlie delta") << "in both";
  EXPECT_EQ(keys({.reverse = true}), "delta charlie bravo alpha");
  EXPECT_EQ(keys({.start = "b", .end = "d"}), "bravo charlie");
  EXPECT_EQ(keys({.limit = 2}), "alpha bravo");
  reopen();
  EXPECT_EQ(keys(), "alpha bravo charlie delta");
  reopen_with(Retention::latest());
  ASSERT_TRUE(store_->compact().ok());
  EXPECT_EQ(keys(), "alpha") << "nothing else is known any more";
}

TEST_F(HistoryTest, AScanIsOfItsMomentWhateverIsWrittenMeanwhile) {
  for (int i = 10; i < 60; ++i) put("key" + std::to_string(i), "old");
  const Sequence at = store_->stats().last_sequence;
  Scan scan = store_->scan(Space::user, {}, At::sequence(at)).value();
  int rows = 0;
  while (scan.next().value()) {
    EXPECT_EQ(scan.value().value(), "old");
    EXPECT_LE(scan.revision().value(), at);
    for (int i = 10; i < 60; ++i) put("key" + std::to_string(i), "new");
    remove("key59");
    if (rows % 10 == 5) checkpoint();
    if (rows % 20 == 7) compact();
    ++rows;
  }
  EXPECT_EQ(rows, 50);
  EXPECT_FALSE(scan.value().ok());
}

// --- What is kept --------------------------------------------------------------------------------

TEST_F(HistoryTest, AStoreThatKeepsNoneSaysSo) {
  reopen_with(Retention::latest());
  const Sequence first = put("key", "one");
  EXPECT_EQ(get("key", first), "one");
  const Sequence second = put("key", "two");
  EXPECT_EQ(get("key", second), "two") << "the newest is known";
  EXPECT_EQ(get("absent", second), "absent");
  EXPECT_EQ(get("key", first), "not_found");
  EXPECT_EQ(get("absent", first), "not_found");
  EXPECT_EQ(scan(At::sequence(first)), "not_found");
  EXPECT_EQ(scan(At::sequence(second)), "key=two");
  EXPECT_EQ(sequences("key"), std::vector<Sequence>{second});
  EXPECT_EQ(store_->history_from(), second);
  const auto refused = store_->get(Space::user, "key", At::sequence(first));
  EXPECT_NE(refused.status().message().find("Options::retention"), std::string::npos);
}

TEST_F(HistoryTest, ItIsKeptFromWhenItIsSwitchedOn) {
  reopen_with(Retention::latest());
  const Sequence first = put("key", "one");
  const Sequence second = put("key", "two");
  checkpoint();
  reopen_with(Retention::all());
  EXPECT_EQ(store_->history_from(), second);
  const Sequence third = put("key", "three");
  EXPECT_EQ(get("key", second), "two");
  EXPECT_EQ(get("key", third), "three");
  EXPECT_EQ(get("key", first), "not_found");
  EXPECT_EQ(get("absent", second), "absent");
  EXPECT_EQ(get("absent", first), "not_found");
}

TEST_F(HistoryTest, OpeningWithoutSayingSoLeavesItAsItIs) {
  const Sequence first = put("key", "one");
  put("key", "two");
  reopen_with(std::nullopt);
  compact();
  reopen_with(std::nullopt);
  compact();
  EXPECT_EQ(store_->retention(), Retention::all());
  EXPECT_EQ(get("key", first), "one");
  options_.read_only = true;
  options_.retention = Retention::latest();
  reopen();
  EXPECT_EQ(get("key", first), "one") << "a reader changes nothing";
  EXPECT_EQ(store_->retention(), Retention::all());
}

// What a batch overwrites itself is garbage though all of the past is kept.
TEST_F(HistoryTest, ACompactionThatFailedHalfWayIsDoneAgain) {
  options_.segment_bytes = 64 * kKiB;
  options_.compaction_interval = milliseconds(0);
  reopen();
  std::map<Bytes, std::vector<Sequence>> written;
  std::uint64_t failed = 0;
  for (std::uint64_t call = 1; call <= 40; ++call) {
    SCOPED_TRACE(call);
    for (int i = 0; i < 150; ++i) {
      const Bytes key = "key" + std::to_string(i % 50);
      const Bytes value = std::to_string(call) + Bytes(1000, 'v');
      const auto done = store_->commit(Batch().put(key, value + value).put(key, value), nullptr);
      ASSERT_TRUE(done.ok()) << done.status().to_string();
      written[key].push_back(*done);
    }
    checkpoint();
    disk_.fail_at(call, CrashFileSystem::Fault::io_error);
    const std::uint64_t fired = disk_.faults_fired();
    (void)store_->compact().ok();
    failed += disk_.faults_fired() - fired;
    disk_.clear_faults();
    if (!store_->put(Space::user, "other", "value").ok()) kill();  // the log failed, not the copy
    compact();
    checkpoint();
    for (const SegmentInfo& segment : store_->segments()) {
      EXPECT_LE(segment.live_bytes, segment.used_bytes) << segment.file;
    }
  }
  EXPECT_GE(failed, 30U);
  for (const auto& [key, all] : written) {
    ASSERT_EQ(sequences(key), std::vector<Sequence>(all.rbegin(), all.rend()));
    for (const Sequence at : all) ASSERT_TRUE(get(key, at).ends_with(Bytes(1000, 'v')));
  }
  expect_clean();
}

// For keys of 17 to 32 bytes XXH3 multiplies what stands in their first half by what is 0 here.
TEST_F(HistoryTest, TwoKeysOfOneHashInABatchKeepTheirPast) {
  const std::string secret = "\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe";
  const std::string rest(16, 'r');
  const std::string one = secret + "11111111" + rest;
  const std::string two = secret + "22222222" + rest;
  ASSERT_EQ(hash_key(Space::user, one), hash_key(Space::user, two));
  put(one, "1");
  put(two, "1");
  const Sequence both =
      store_->commit(Batch().remove(one).put(two, "2").put(one, "2"), nullptr).value();
  put(one, "3");
  checkpoint();
  put(two, "3");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(get(one, both), "2");
    EXPECT_EQ(get(two, both), "2");
    EXPECT_EQ(sequences(one).size(), 3U);
    EXPECT_EQ(sequences(two).size(), 3U);
    compact();
    reopen();
  }
  expect_clean();
}

TEST_F(HistoryTest, OfSoManyRevisionsTheOldestGo) {
  reopen_with(Retention::revisions(3));
  std::vector<Sequence> written;
  written.reserve(10);
  for (int i = 0; i < 10; ++i) written.push_back(put("key", std::to_string(i)));
  const Sequence once = put("once", "value");
  EXPECT_EQ(history("key").size(), 10U) << "it promises what is there at least";
  compact();
  EXPECT_EQ(sequences("key"), (std::vector<Sequence>{written[9], written[8], written[7]}));
  EXPECT_EQ(get("key", written[7]), "7");
  EXPECT_EQ(get("key", written[6]), "not_found");
  EXPECT_EQ(get("once", once), "value");
  EXPECT_EQ(store_->history_from(), written[7]);
  const auto refused = store_->get(Space::user, "key", At::sequence(written[6]));
  EXPECT_NE(refused.status().message().find("from sequence " + std::to_string(written[7])),
            std::string::npos)
      << refused.status().to_string();
  remove("key");
  compact();
  EXPECT_EQ(history("key").size(), 3U) << "the removal is one of three";
  put("key", "new");
  compact();
  EXPECT_EQ(history("key").size(), 3U);
  expect_clean();
}

TEST_F(HistoryTest, OfADurationWhatWasTheNewestThenStays) {
  reopen_with(Retention::duration(milliseconds(1000)));
  const Sequence first = put("key", "one");
  put("gone", "value");
  clock_.advance_ms(5000);
  const Sequence second = put("key", "two");
  remove("gone");
  compact();
  EXPECT_EQ(get("key", first), "one") << "it was the newest until just now";
  clock_.advance_ms(990);
  compact();
  EXPECT_EQ(get("key", first), "one");
  EXPECT_EQ(get("key", At::time_ms(clock_.wall_ms() - 1000)), "one");
  clock_.advance_ms(20);
  compact();
  EXPECT_EQ(get("key", first), "not_found");
  EXPECT_EQ(get("key", second), "two");
  EXPECT_TRUE(history("gone").empty());
  EXPECT_EQ(store_->stats().revisions, 0U);
  EXPECT_EQ(scan(At::time_ms(clock_.wall_ms() - 1000)), "key=two");
  expect_clean();
}

TEST_F(HistoryTest, ADurationPassesWithoutAnyoneAsking) {
  options_.compaction_interval = milliseconds(100);
  reopen_with(Retention::duration(milliseconds(1000)));
  put("key", "one");
  put("key", "two");
  checkpoint();
  EXPECT_EQ(store_->stats().revisions, 1U);
  clock_.advance_ms(2000);
  executor_.step_all();
  EXPECT_EQ(store_->stats().revisions, 0U);
}

TEST_F(HistoryTest, WhatIsGivenUpFreesTheDisk) {
  reopen_with(Retention::revisions(2));
  const Bytes value(4000, 'v');
  for (int i = 0; i < 2000; ++i) put("key" + std::to_string(i % 10), value + std::to_string(i));
  compact();
  EXPECT_LT(disk_bytes(), 500'000U) << "ten keys of two revisions take 80 000 bytes";
  for (int i = 1980; i < 2000; ++i) {
    EXPECT_EQ(history("key" + std::to_string(i % 10)).size(), 2U);
  }
  expect_clean();
}

TEST_F(HistoryTest, AllIsKeptAndNotCopiedForEver) {
  const Bytes value(4000, 'v');
  for (int i = 0; i < 1000; ++i) put("key" + std::to_string(i % 10), value);
  checkpoint();
  const std::uint64_t before = disk_bytes();
  EXPECT_GT(before, 4'000'000U);
  const std::uint64_t copied = store_->stats().compacted_bytes_written;
  for (int i = 0; i < 10; ++i) {
    clock_.advance_ms(120'000);
    compact();
  }
  EXPECT_EQ(store_->stats().compacted_bytes_written, copied) << "all of it is of use";
  EXPECT_EQ(store_->stats().revisions, 990U);
  reopen_with(Retention::latest());
  compact();
  EXPECT_LT(disk_bytes(), 300'000U);
  EXPECT_EQ(store_->stats().revisions, 0U);
  EXPECT_EQ(store_->stats().keys, 10U);
  expect_clean();
}

TEST_F(HistoryTest, ALowerRetentionGivesUpAtTheNextCompaction) {
  for (int i = 0; i < 20; ++i) put("key", Bytes(1000, 'v'));
  reopen_with(Retention::revisions(5));
  EXPECT_EQ(history("key").size(), 20U);
  compact();
  EXPECT_EQ(history("key").size(), 5U);
  reopen_with(Retention::all());
  put("key", "new");
  compact();
  EXPECT_EQ(history("key").size(), 6U) << "what is gone stays gone";
  expect_clean();
}

TEST_F(HistoryTest, TheBackgroundGivesUpAHotKeysRevisions) {
  options_.checkpoint_bytes = kCheckpointBytesMin;
  reopen_with(Retention::revisions(2));
  const Bytes value(1000, 'v');
  for (int i = 0; i < 20'000; ++i) {
    put("key", value);
    if (i % 100 == 0) executor_.step_all();
  }
  clock_.advance_ms(120'000);
  for (int i = 0; i < 10; ++i) executor_.step_all();
  EXPECT_LT(store_->stats().revisions, 5000U);
  EXPECT_LT(disk_bytes(), 6'000'000U) << "20 MB were written";
  expect_clean();
}

TEST_F(HistoryTest, TheBackgroundGivesUpAHotKeysRevisionsAmongManyColdOnes) {
  options_.checkpoint_bytes = kCheckpointBytesMin;
  reopen_with(Retention::revisions(2));
  // Of each a past revision, in the oldest layer: by rows alone it is merged with late.
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40'000; ++i) {
      ASSERT_TRUE(store_->put(Space::user, "key" + std::to_string(i), "v").ok());
    }
  }
  compact();
  ASSERT_EQ(store_->stats().revisions, 40'000U);
  const Bytes value(8000, 'v');
  for (int i = 0; i < 8000; ++i) {
    put("hot", value);
    if (i % 50 == 0) executor_.step_all();
  }
  for (int i = 0; i < 10; ++i) executor_.step_all();
  EXPECT_LT(disk_bytes(), 40'000'000U) << "64 MB were written";
  compact();
  EXPECT_EQ(history("hot").size(), 2U);
  EXPECT_EQ(history("key777").size(), 2U);
  expect_clean();
}

TEST_F(HistoryTest, CompactionGivesUpWhatAMergeBeforeItDidNotSee) {
  reopen_with(Retention::revisions(3));
  put("key", "one");
  put("key", "two");
  checkpoint();
  reopen_with(Retention::revisions(2));
  put("key", "three");
  put("key", "four");
  executor_.step_all();  // goes through the one run, because the retention is lower
  ASSERT_EQ(history("key").size(), 4U);
  compact();
  EXPECT_EQ(history("key").size(), 2U) << "nothing was written since";
  expect_clean();
}

TEST_F(HistoryTest, WhatAPowerCutMayTakeGivesNothingUp) {
  options_.compaction_interval = milliseconds(100);
  reopen_with(Retention::duration(milliseconds(1000)));
  const Sequence first = put("key", "one");
  const Sequence removed = remove("key");
  put("other", "value");
  checkpoint();
  const Sequence unsynced = put("key", "two");
  clock_.advance_ms(5000);
  executor_.step_all();
  ASSERT_EQ(get("key", first), "not_found") << "it is given up";
  EXPECT_LT(store_->history_from(), unsynced) << "which is not durable";
  disk_.power_cut_losing_everything_unsynced();
  kill();
  ASSERT_LT(store_->stats().last_sequence, unsynced);
  EXPECT_LE(store_->history_from(), store_->stats().last_sequence);
  EXPECT_EQ(get("key", removed), "absent");
  EXPECT_EQ(get("other", store_->stats().last_sequence), "value");
  expect_clean();
}

TEST_F(HistoryTest, ARemovalIsThePresentWhileWhatFollowedItMayBeLost) {
  reopen_with(Retention::revisions(3));
  const Sequence first = put("key", "one");
  const Sequence second = put("key", "two");
  const Sequence removed = remove("key");
  checkpoint();
  reopen_with(Retention::revisions(2));
  const Sequence unsynced = put("key", "three");
  executor_.step_all();
  ASSERT_EQ(get("key", first), "not_found") << "it is given up";
  disk_.power_cut_losing_everything_unsynced();
  kill();
  ASSERT_LT(store_->stats().last_sequence, unsynced);
  EXPECT_EQ(sequences("key"), (std::vector<Sequence>{removed, second}));
  expect_clean();
}

TEST_F(HistoryTest, DamageToThePastIsNoReasonToCollectNothing) {
  options_.compaction_interval = milliseconds(100);
  reopen_with(Retention::duration(milliseconds(1000)));
  for (int i = 0; i < 500; ++i) put("other", Bytes(4000, 'v'));
  clock_.advance_ms(5000);
  put("key", "one");
  put("key", "two");
  checkpoint();
  ASSERT_EQ(store_->stats().revisions, 1U) << "the rest is given up, and not yet collected";
  ASSERT_TRUE(store_->close().ok());
  store_.reset();
  ASSERT_GT(disk_bytes(), 1'000'000U);
  const auto runs = read_manifest(disk_, kPath).value().history_runs;
  ASSERT_EQ(runs.size(), 1U);
  const std::string run = join_path(kPath, run_file_name(runs[0].id));
  ASSERT_TRUE(disk_.flip_bit(run, kRunHeaderBytes + 20, 3).ok());
  open();
  EXPECT_EQ(store_->compact().code(), Code::corruption);
  executor_.step_all();
  executor_.step_all();
  EXPECT_LT(disk_bytes(), 500'000U);
  EXPECT_EQ(get("key", store_->stats().last_sequence), "two");
}

TEST_F(HistoryTest, WhatALowerRetentionLeavesForNobodyGoesThoughNothingIsWritten) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 300; ++i) put("key" + std::to_string(i), Bytes(4000, 'v'));
    checkpoint();
  }
  ASSERT_GT(disk_bytes(), 2'000'000U);
  reopen_with(Retention::latest());
  compact();
  EXPECT_LT(disk_bytes(), 1'500'000U);
  expect_clean();
}

TEST_F(HistoryTest, SwitchedOffItGivesTheSpaceOfLargeValuesBackWheneverThatIs) {
  put("key", Bytes(2 * kMiB, 'a'));
  put("key", "small");
  checkpoint();
  reopen_with(Retention::latest());
  reopen();  // before there is a checkpoint
  work_in_background();
  compact();
  EXPECT_LT(disk_bytes(), kMiB);
  expect_clean();
}

TEST_F(HistoryTest, MayBeSwitchedOffAndOnAgain) {
  const Sequence first = put("key", "one");
  put("key", "two");
  checkpoint();
  put("key", "three");
  reopen_with(Retention::latest());
  put("key", "four");
  checkpoint();
  reopen_with(Retention::all());
  const Sequence on = store_->stats().last_sequence;
  EXPECT_EQ(get("key", first), "not_found");
  EXPECT_EQ(get("key", on), "four");
  put("key", "five");
  EXPECT_EQ(get("key", on), "four");
  EXPECT_EQ(get("key", on - 1), "not_found") << "nobody kept what followed";
  compact();
  EXPECT_EQ(history("key").size(), 2U);
  expect_clean();
}

// --- Large values --------------------------------------------------------------------------------

TEST_F(HistoryTest, LargeValuesAreKeptAndGoWithTheirRevisions) {
  const Bytes one(2 * kMiB, 'a');
  const Bytes two(2 * kMiB, 'b');
  const Sequence first = put("key", one);
  const Sequence second = put("key", two);
  clock_.advance_ms(1);
  ASSERT_TRUE(store_->set_expiry(Space::user, "key", Expiry::at(kBegan + 1'000'000'000)).value());
  put("key", "small");
  checkpoint();
  reopen();
  compact();
  EXPECT_EQ(get("key", first), one);
  EXPECT_EQ(get("key", second), two);
  EXPECT_EQ(get("key", second + 1), two) << "the same value with another expiry";
  EXPECT_EQ(history("key")[1].value_bytes, two.size());
  EXPECT_EQ(store_->read_value(Space::user, "key", At::sequence(first)).value()->bytes(),
            one.size());
  EXPECT_FALSE(store_->read_value(Space::user, "other", At::sequence(first)).value().has_value());
  EXPECT_EQ(scan(At::sequence(first)), "key=" + one);
  EXPECT_GT(disk_bytes(), 4 * kMiB);
  reopen_with(Retention::revisions(2));
  compact();
  EXPECT_EQ(get("key", second + 1), two);
  EXPECT_EQ(get("key", first), "not_found");
  reopen_with(Retention::latest());
  executor_.step_all();
  compact();
  EXPECT_EQ(get("key", store_->stats().last_sequence), "small");
  EXPECT_LT(store_->stats().live_bytes, 100U) << "the present entry alone";
  expect_clean();
  EXPECT_LT(disk_bytes(), kMiB);
}

TEST_F(HistoryTest, LargeValuesThatAreGivenUpAreGarbageAlsoAfterACrash) {
  options_.compaction_interval = milliseconds(100);
  for (const bool crashes : {false, true}) {
    reopen_with(Retention::duration(milliseconds(1000)));
    const Sequence first = put("key", Bytes(2 * kMiB, 'a'));
    put("key", "small");
    checkpoint();
    clock_.advance_ms(5000);
    executor_.step_all();
    ASSERT_EQ(get("key", first), "not_found") << "it is given up";
    // Before there is a checkpoint.
    if (crashes) {
      kill();
    } else {
      reopen();
    }
    executor_.step_all();
    compact();
    EXPECT_LT(disk_bytes(), kMiB) << "crashes=" << crashes;
  }
  expect_clean();
}

// --- Others --------------------------------------------------------------------------------------

TEST_F(HistoryTest, OptionsOutOfTheirRangeAreRefused) {
  for (const Retention retention :
       {Retention::revisions(0), Retention::revisions(1), Retention::revisions(kRevisionsMax + 1),
        Retention::duration(milliseconds(0)), Retention::duration(milliseconds(-5)),
        Retention::duration(milliseconds(kRetentionMsMax + 1))}) {
    Options options;
    options.retention = retention;
    const auto opened = EngineStore::open(seams(), "elsewhere", options);
    EXPECT_EQ(opened.status().code(), Code::invalid_argument);
    EXPECT_NE(opened.status().message().find("Options::retention"), std::string::npos);
  }
}

TEST_F(HistoryTest, OtherSpacesHaveAPastAndHintsOfExpiryHaveNone) {
  const Space space{7};
  const Sequence first = store_->put(space, "key", "one").value();
  ASSERT_TRUE(store_->put(space, "key", "two").ok());
  ASSERT_TRUE(store_->commit(Batch().put("k", "v", Expiry::after(milliseconds(5))), nullptr).ok());
  ASSERT_TRUE(store_->commit(Batch().put("k", "w", Expiry::after(milliseconds(9))), nullptr).ok());
  EXPECT_EQ(store_->stats().revisions, 2U);
  checkpoint();
  EXPECT_EQ(store_->stats().revisions, 2U);
  EXPECT_EQ(store_->get(space, "key", At::sequence(first)).value()->value, "one");
  EXPECT_EQ(get("key", first), "absent") << "of users there is none";
}

TEST_F(HistoryTest, TheReapersRemovalsAreRevisions) {
  options_.reap_expired = true;
  reopen();
  ASSERT_TRUE(store_->commit(Batch().put("k", "v", Expiry::after(milliseconds(5))), nullptr).ok());
  const Sequence there = store_->stats().last_sequence;
  clock_.advance_ms(10);
  executor_.step_all();
  ASSERT_EQ(store_->stats().keys, 0U);
  EXPECT_EQ(get("k", there), "v");
  EXPECT_EQ(get("k", store_->stats().last_sequence), "absent");
  EXPECT_TRUE(history("k")[0].is_remove);
}

TEST_F(HistoryTest, DamageIsFoundAndNothingWrongIsSaid) {
  const Sequence first = put("key", "one");
  put("key", "two");
  checkpoint();
  const auto manifest = read_manifest(disk_, kPath).value();
  ASSERT_EQ(manifest.history_runs.size(), 1U);
  ASSERT_TRUE(store_->close().ok());
  store_.reset();
  const std::string file = join_path(kPath, run_file_name(manifest.history_runs[0].id));
  Bytes byte;
  const auto opened = disk_.open(file, OpenMode::write).value();
  ASSERT_TRUE(read_exactly(*opened, kRunHeaderBytes + 20, 1, byte).ok());
  byte[0] = static_cast<char>(byte[0] ^ 1);
  ASSERT_TRUE(opened->pwrite(kRunHeaderBytes + 20, byte).ok());
  const VerifyReport report = verify_directory(seams(), kPath, {}).value();
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].file, run_file_name(manifest.history_runs[0].id));
  open();
  EXPECT_EQ(get("key", first), "corruption");
  EXPECT_EQ(get("key", store_->stats().last_sequence), "two");
  store_.reset();
  const RepairReport repaired = repair_directory(seams(), kPath, "repaired", {}, {}).value();
  EXPECT_TRUE(repaired.is_history_lost);
  EXPECT_EQ(repaired.keys_kept, 1U);
  ASSERT_TRUE(disk_.remove(file).ok());
  const auto refused = EngineStore::open(seams(), kPath, options_);
  EXPECT_EQ(refused.status().code(), Code::corruption);
}

TEST_F(HistoryTest, VerifyBlamesTheRunThatIsMissingAndNoOther) {
  reopen_with(Retention::revisions(2));
  const Bytes value(4000, 'v');
  for (int i = 0; i < 1000; ++i) put("key" + std::to_string(i % 10), value);
  ASSERT_TRUE(store_->compact().ok());
  const std::vector<ManifestRun> runs =
      read_manifest(disk_, kPath).value().history_runs_newest_first();
  ASSERT_EQ(runs.size(), 2U) << "the newer one says where the copies are";
  ASSERT_TRUE(store_->close().ok());
  store_.reset();
  const std::string missing = run_file_name(runs[0].id);
  ASSERT_TRUE(disk_.remove(join_path(kPath, missing)).ok());
  const VerifyReport report = verify_directory(seams(), kPath, {}).value();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].file, missing);
}

TEST_F(HistoryTest, VerifyCountsAndChecksWhatIsKept) {
  put("key", "one");
  put("key", "two");
  remove("key");
  checkpoint();
  const VerifyReport report = verify();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.revisions, 3U) << "the removal is one";
}

TEST_F(HistoryTest, ARevisionTakesLittleMoreMemoryThanAKey) {
  const auto key = [](int i) { return "key" + std::to_string(i); };
  constexpr int kKeys = 50'000;
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(store_->put(Space::user, key(i), "value").ok());
  const std::uint64_t keys_bytes = store_->stats().index_bytes - store_->stats().history_bytes;
  const std::uint64_t none = store_->stats().history_bytes;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(store_->put(Space::user, key(i), "value").ok());
    const double per_key = static_cast<double>(keys_bytes) / kKeys;
    const double per_revision =
        static_cast<double>(store_->stats().history_bytes - none) / (kKeys * (round + 1));
    std::printf("%d revisions of a key: %.1f bytes each; a key: %.1f\n", round + 1, per_revision,
                per_key);
    EXPECT_LE(per_revision, 1.3 * per_key);
  }
  checkpoint();
  EXPECT_LE(store_->stats().history_bytes, none + 1) << "in a run it takes none";
  EXPECT_EQ(store_->stats().revisions, 2U * kKeys);
}

TEST_F(HistoryTest, ABackupHasThePastAndARestoreToASequenceWhatLiesBefore) {
  const Sequence first = put("key", "one");
  const Sequence second = put("key", "two");
  checkpoint();
  const Sequence third = put("key", "three");
  put("key", "four");
  const auto target = open_backup_directory(disk_, "backups").value();
  ASSERT_TRUE(store_->backup(*target, {}).ok());
  put("key", "five");
  ASSERT_TRUE(store_->close().ok());
  store_.reset();
  ASSERT_TRUE(restore_backup(seams(), *target, "restored", {}).ok());
  ASSERT_TRUE(
      restore_backup(seams(), *target, "earlier", {.at_sequence = third, .progress = {}}).ok());
  options_.retention.reset();
  for (const char* path : {"restored", "earlier"}) {
    auto opened = EngineStore::open(seams(), path, options_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
    EXPECT_EQ(store_->retention(), Retention::all());
    EXPECT_EQ(get("key", first), "one");
    EXPECT_EQ(get("key", second), "two");
    EXPECT_EQ(get("key", third), "three");
    EXPECT_EQ(history("key").size(), path == std::string("restored") ? 4U : 3U);
    ASSERT_TRUE(store_->close().ok());
    store_.reset();
    EXPECT_TRUE(verify_directory(seams(), path, {}).value().findings.empty());
  }
}

TEST_F(HistoryTest, AFailedCheckpointLosesNothing) {
  const Sequence first = put("key", "one");
  put("key", "two");
  for (std::uint64_t call = 1;; ++call) {
    disk_.fail_at(call, CrashFileSystem::Fault::disk_full);
    const Status done = store_->checkpoint();
    disk_.clear_faults();
    EXPECT_EQ(get("key", first), "one") << "after a failure at call " << call;
    if (done.ok()) break;
    kill();
    ASSERT_EQ(get("key", first), "one") << "reopened after a failure at call " << call;
  }
  expect_clean();
}

}  // namespace
}  // namespace talea
