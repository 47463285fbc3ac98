// What a Store promises, on every store there is. Whoever writes another one adds it to
// StoreWorld, and is done when this passes.
#include "engine/engine_store.h"
#include "io/crash_file_system.h"
#include "tests/conformance/store_test_base.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kBegan = StoreWorld::kBegan;

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance, testing::ValuesIn(store_kinds()),
                         [](const auto& kind) { return store_kind_name(kind.param); });

// --- Batches -------------------------------------------------------------------------------------

TEST_P(StoreConformance, ANewStoreIsEmpty) {
  EXPECT_EQ(get("key"), "absent");
  EXPECT_TRUE(scanned().empty());
  EXPECT_EQ(last_sequence(), 0U);
  EXPECT_TRUE(state().rows.empty());
  EXPECT_EQ(state().last_sequence, 0U);
  EXPECT_FALSE(state().may_expire);
}

TEST_P(StoreConformance, SequencesAscendAndAreTheRevisions) {
  EXPECT_EQ(commit(Batch().put("a", "1").put("b", "1")), 1U);
  EXPECT_EQ(commit(Batch().put("a", "2")), 2U);
  EXPECT_EQ(commit(Batch().remove("absent")), 3U);
  EXPECT_EQ(versioned("a")->value, "2");
  EXPECT_EQ(versioned("a")->revision, 2U);
  EXPECT_EQ(versioned("b")->revision, 1U);
  EXPECT_EQ(commit(Batch().remove("a")), 4U);
  EXPECT_FALSE(versioned("a").has_value());
  EXPECT_EQ(last_sequence(), 4U);
}

TEST_P(StoreConformance, TheLastOperationOnAKeyWins) {
  commit(Batch().put("a", "1").put("b", "1").put("a", "2").remove("b").remove("c").put("c", "1"));
  EXPECT_EQ(get("a"), "2");
  EXPECT_EQ(get("b"), "absent");
  EXPECT_EQ(get("c"), "1");
  EXPECT_EQ(keys(), (std::vector<Bytes>{"a", "c"}));
}

TEST_P(StoreConformance, AFailedPreconditionChangesNothingAndSaysWhatItFound) {
  const Sequence revision = commit(Batch().put("key", "value"));
  const auto failure_of = [&](const Batch& batch) {
    FailedPrecondition failed{.position = 99, .found = 99};
    const Result<Sequence> committed = store().commit(batch, &failed);
    EXPECT_EQ(committed.status().code(), Code::conflict) << committed.status().to_string();
    return failed;
  };
  FailedPrecondition failed = failure_of(Batch().require_absent("key").put("key", "other"));
  EXPECT_EQ(failed.position, 0U);
  EXPECT_EQ(failed.found, revision);
  failed = failure_of(
      Batch().require_present("key").require_present("absent").put("key", "other").put("b", "1"));
  EXPECT_EQ(failed.position, 1U);
  EXPECT_EQ(failed.found, std::nullopt);
  failed = failure_of(Batch().require_revision("key", revision + 1).put("key", "other"));
  EXPECT_EQ(failed.position, 0U);
  EXPECT_EQ(failed.found, revision);
  failed = failure_of(Batch().require_revision("absent", 1).remove("key"));
  EXPECT_EQ(failed.found, std::nullopt);
  failed = failure_of(Batch().require_absent("key", Space{9}).require_absent("key"));
  EXPECT_EQ(failed.position, 1U);
  EXPECT_EQ(get("key"), "value");
  EXPECT_EQ(get("b"), "absent");
  EXPECT_EQ(last_sequence(), revision) << "no sequence is used";
}

TEST_P(StoreConformance, PreconditionsAreAboutTheStateBeforeTheBatch) {
  const Sequence first =
      commit(Batch().put("a", "1").require_absent("a").require_absent("b").put("b", "1"));
  EXPECT_EQ(first, 1U);
  EXPECT_EQ(commit(Batch().remove("a").require_present("a").require_revision("b", first)), 2U);
  EXPECT_EQ(get("a"), "absent");
}

TEST_P(StoreConformance, ABatchWithoutOperationsChecksAndUsesNoSequence) {
  commit(Batch().put("a", "1"));
  EXPECT_EQ(commit(Batch().require_present("a")), 1U);
  EXPECT_EQ(code_of(Batch().require_absent("a")), Code::conflict);
  EXPECT_EQ(last_sequence(), 1U);
}

TEST_P(StoreConformance, SpacesAreApart) {
  const std::vector<Space> spaces = {Space::user, Space{2},      Space{255},
                                     Space{256},  Space{70'000}, Space{UINT32_MAX}};
  Batch batch;
  for (const Space space : spaces) {
    batch.put("key", std::to_string(static_cast<std::uint32_t>(space)), space);
    batch.put("\xff\xff", "last", space);
  }
  commit(batch);
  for (const Space space : spaces) {
    EXPECT_EQ(get("key", space), std::to_string(static_cast<std::uint32_t>(space)));
    EXPECT_EQ(keys({}, space), (std::vector<Bytes>{"key", "\xff\xff"}));
    EXPECT_EQ(keys({.reverse = true}, space), (std::vector<Bytes>{"\xff\xff", "key"}));
  }
  EXPECT_TRUE(keys({}, Space{3}).empty());
  EXPECT_EQ(code_of(Batch().require_absent("key", Space{2})), Code::conflict);
  EXPECT_EQ(code_of(Batch().require_absent("key", Space{3})), Code::ok);
  commit(Batch().remove("key", Space{2}));
  EXPECT_EQ(get("key", Space{2}), "absent");
  EXPECT_EQ(get("key", Space{255}), "255");
}

TEST_P(StoreConformance, ValuesOfAnyLengthComeBack) {
  const Bytes large(3 * kMiB + 1, 'l');
  const Bytes longest_key(kKeyBytesMax, 'k');
  commit(Batch().put("empty", "").put("large", large).put(longest_key, "value"));
  commit(Batch().put(Bytes("\0", 1), Bytes("\0\xff\n", 3)));
  EXPECT_EQ(get("empty"), "");
  EXPECT_EQ(get("large"), large);
  EXPECT_EQ(get(longest_key), "value");
  EXPECT_EQ(get(Bytes("\0", 1)), Bytes("\0\xff\n", 3));
  const std::vector<ScannedRow> rows = scanned();
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[3].key, "large");
  EXPECT_EQ(rows[3].value, large);
  EXPECT_EQ((state().rows[{Space::user, "large"}].bytes), large);
}

// --- Scans ---------------------------------------------------------------------------------------

TEST_P(StoreConformance, ScansHaveBoundsDirectionsAndLimits) {
  Batch batch;
  for (const char* key : {"a", "b", "ba", "bb", "bb\xff", "bc", "c", "\xff", "\xff\xff"}) {
    batch.put(key, "value");
  }
  commit(batch);
  using Keys = std::vector<Bytes>;
  EXPECT_EQ(keys({.prefix = "b"}), (Keys{"b", "ba", "bb", "bb\xff", "bc"}));
  EXPECT_EQ(keys({.prefix = "b", .reverse = true}), (Keys{"bc", "bb\xff", "bb", "ba", "b"}));
  EXPECT_EQ(keys({.prefix = "b", .start = "bb", .end = "bc"}), (Keys{"bb", "bb\xff"}));
  EXPECT_EQ(keys({.prefix = "bb\xff"}), (Keys{"bb\xff"}));
  EXPECT_EQ(keys({.prefix = "\xff"}), (Keys{"\xff", "\xff\xff"}));
  EXPECT_EQ(keys({.prefix = "\xff", .reverse = true}), (Keys{"\xff\xff", "\xff"}));
  EXPECT_EQ(keys({.start = "bb"}), (Keys{"bb", "bb\xff", "bc", "c", "\xff", "\xff\xff"}));
  EXPECT_EQ(keys({.start = "bb", .end = "c", .reverse = true}), (Keys{"bc", "bb\xff", "bb"}));
  EXPECT_EQ(keys({.end = "b"}), (Keys{"a"}));
  EXPECT_EQ(keys({.end = Bytes("b\0", 2)}), (Keys{"a", "b"}));
  EXPECT_EQ(keys({.limit = 2}), (Keys{"a", "b"}));
  EXPECT_EQ(keys({.reverse = true, .limit = 2}), (Keys{"\xff\xff", "\xff"}));
  EXPECT_EQ(keys({.prefix = "b", .limit = 100}).size(), 5U);
  EXPECT_TRUE(keys({.start = "c", .end = "b"}).empty());
  EXPECT_TRUE(keys({.start = "c", .end = "b", .reverse = true}).empty());
  EXPECT_TRUE(keys({.prefix = "x"}).empty());
  EXPECT_TRUE(keys({.prefix = "b", .start = "d"}).empty());
}

TEST_P(StoreConformance, AScanSeesTheStoreAsItWasWhenItWasMade) {
  for (const bool reverse : {false, true}) {
    Batch batch;
    std::vector<Bytes> expected;
    for (int i = 0; i < 600; ++i) {
      expected.push_back("key" + std::to_string(1000 + i));
      batch.put(expected.back(), "before");
    }
    const Sequence revision = commit(batch);
    if (reverse) std::reverse(expected.begin(), expected.end());
    Scan scan = store().scan(Space::user, {.reverse = reverse}).value();
    std::vector<ScannedRow> rows;
    for (int i = 0; scan.next().value(); ++i) {
      rows.push_back({Bytes(scan.key()), Bytes(scan.value().value()), scan.revision().value(), 0});
      const Bytes number = std::to_string(1000 + i % 600);
      commit(Batch()
                 .put("key" + number, "after")
                 .put("key" + number + "new", "new")
                 .remove("key" + std::to_string(1000 + (i * 7) % 600)));
    }
    ASSERT_EQ(rows.size(), expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i], (ScannedRow{expected[i], "before", revision, 0}));
    }
    Batch clear;
    for (const Bytes& key : keys()) clear.remove(key);
    commit(clear);
  }
}

TEST_P(StoreConformance, AScanAtNoRowHasNothingToSay) {
  commit(Batch().put("a", "1"));
  Scan scan = store().scan(Space::user, {}).value();
  const auto expect_nothing = [&] {
    EXPECT_EQ(scan.key(), "");
    EXPECT_EQ(scan.value().status().code(), Code::invalid_argument);
    EXPECT_EQ(scan.revision().status().code(), Code::invalid_argument);
    EXPECT_EQ(scan.expiry_ms().status().code(), Code::invalid_argument);
  };
  expect_nothing();
  ASSERT_TRUE(scan.next().value());
  EXPECT_EQ(scan.key(), "a");
  EXPECT_EQ(scan.value().value(), "1");
  EXPECT_FALSE(scan.next().value());
  expect_nothing();
  EXPECT_FALSE(scan.next().value()) << "the end stays the end";
  commit(Batch().put("b", "1"));
  EXPECT_FALSE(scan.next().value());
}

// --- Expiry --------------------------------------------------------------------------------------

TEST_P(StoreConformance, AKeyIsThereUntilItsTimeAndGoneFromThenOn) {
  commit(Batch().put("after", "value", Expiry::after(milliseconds(1000))));
  commit(Batch().put("at", "value", Expiry::at(kBegan + 2000)).put("stays", "value"));
  commit(Batch().put("past", "value", Expiry::at(1)));
  EXPECT_EQ(get("past"), "absent") << "gone at once";
  EXPECT_EQ(versioned("after")->expiry_ms, kBegan + 1000);
  EXPECT_EQ(versioned("stays")->expiry_ms, 0U);
  clock().advance_ms(999);
  EXPECT_EQ(keys(), (std::vector<Bytes>{"after", "at", "stays"}));
  EXPECT_EQ(scanned()[1].expiry_ms, kBegan + 2000);
  clock().advance_ms(1);
  EXPECT_EQ(get("after"), "absent");
  EXPECT_EQ(keys(), (std::vector<Bytes>{"at", "stays"}));
  EXPECT_EQ(keys({.reverse = true}), (std::vector<Bytes>{"stays", "at"}));
  clock().advance_ms(1000);
  EXPECT_EQ(keys({.limit = 1}), std::vector<Bytes>{"stays"}) << "what is gone does not count";
}

TEST_P(StoreConformance, AScanIsOfItsTime) {
  commit(Batch().put("a", "value", Expiry::after(milliseconds(10))).put("b", "value"));
  Scan scan = store().scan(Space::user, {}).value();
  clock().advance_ms(10);
  world_->work();
  EXPECT_EQ(keys(), std::vector<Bytes>{"b"});
  const std::vector<ScannedRow> rows = rows_of(scan).value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].key, "a");
  EXPECT_EQ(rows[0].expiry_ms, kBegan + 10);
}

TEST_P(StoreConformance, PreconditionsDoNotSeeAnExpiredKey) {
  const Sequence first = commit(Batch().put("key", "value", Expiry::after(milliseconds(10))));
  EXPECT_EQ(code_of(Batch().require_absent("key")), Code::conflict);
  EXPECT_EQ(code_of(Batch().require_revision("key", first)), Code::ok);
  clock().advance_ms(10);
  EXPECT_EQ(code_of(Batch().require_present("key")), Code::conflict);
  FailedPrecondition failed;
  EXPECT_EQ(store().commit(Batch().require_revision("key", first), &failed).status().code(),
            Code::conflict);
  EXPECT_EQ(failed.found, std::nullopt);
  EXPECT_EQ(code_of(Batch().require_absent("key").put("key", "mine")), Code::ok);
  EXPECT_EQ(get("key"), "mine");
  EXPECT_EQ(versioned("key")->expiry_ms, 0U);
}

TEST_P(StoreConformance, AnUpdateSetsKeepsRefreshesOrClears) {
  for (const char* key : {"cleared", "kept", "refreshed", "removed"}) {
    commit(Batch().put(key, "value", Expiry::after(milliseconds(1000))));
  }
  clock().advance_ms(500);
  commit(Batch()
             .put("cleared", "new")
             .put("kept", "new", Expiry::keep())
             .put("refreshed", "new", Expiry::after(milliseconds(1000)))
             .put("kept nothing", "new", Expiry::keep())
             .remove("removed"));
  EXPECT_EQ(versioned("cleared")->expiry_ms, 0U);
  EXPECT_EQ(versioned("kept")->expiry_ms, kBegan + 1000);
  EXPECT_EQ(versioned("refreshed")->expiry_ms, kBegan + 1500);
  EXPECT_EQ(versioned("kept nothing")->expiry_ms, 0U);
  clock().advance_ms(500);
  world_->work();
  EXPECT_EQ(keys(), (std::vector<Bytes>{"cleared", "kept nothing", "refreshed"}));
  commit(Batch().put("kept", "again", Expiry::keep()));
  EXPECT_EQ(versioned("kept")->expiry_ms, 0U) << "what expired is kept no more";
}

TEST_P(StoreConformance, AnExpiryChangesWithoutItsValue) {
  const Bytes large(2 * kMiB, 'l');
  const Sequence first = commit(Batch().put("small", "value").put("large", large));
  const Sequence second = commit(Batch()
                                     .set_expiry("small", Expiry::after(milliseconds(50)))
                                     .set_expiry("large", Expiry::at(kBegan + 90))
                                     .set_expiry("absent", Expiry::never()));
  EXPECT_EQ(second, first + 1);
  EXPECT_EQ(versioned("small")->value, "value");
  EXPECT_EQ(versioned("small")->revision, second) << "a revision of its own";
  EXPECT_EQ(versioned("small")->expiry_ms, kBegan + 50);
  EXPECT_EQ(get("large"), large);
  EXPECT_EQ(get("absent"), "absent");
  commit(Batch().set_expiry("large", Expiry::never()));
  clock().advance_ms(100);
  EXPECT_EQ(get("small"), "absent");
  EXPECT_EQ(get("large"), large);
  const Sequence before = last_sequence();
  EXPECT_EQ(commit(Batch().set_expiry("small", Expiry::never())), before)
      << "it is gone: nothing happens, and no sequence is used";
}

TEST_P(StoreConformance, WhatExpiredStaysGoneWhenTheClockGoesBack) {
  commit(Batch().put("key", "value", Expiry::after(milliseconds(1000))));
  clock().advance_ms(1000);
  commit(Batch().put("other", "value"));  // a batch of that time
  clock().set_wall_ms(kBegan);
  EXPECT_EQ(get("key"), "absent");
  EXPECT_EQ(keys(), std::vector<Bytes>{"other"});
  EXPECT_EQ(code_of(Batch().require_present("key")), Code::conflict);
  commit(Batch().put("later", "value", Expiry::after(milliseconds(5))));
  EXPECT_EQ(versioned("later")->expiry_ms, kBegan + 1005);
}

TEST_P(StoreConformance, WhatExpiredIsRemovedByABatch) {
  Batch batch;
  for (int i = 0; i < 1500; ++i) {
    batch.put("key" + std::to_string(i), "value", Expiry::after(milliseconds(10 + i % 7)));
  }
  commit(batch.put("stays", "value").put("later", "value", Expiry::after(milliseconds(500))));
  commit(Batch().put("key0", "new", Expiry::after(milliseconds(500))).put("key1", "new"));
  clock().advance_ms(100);
  EXPECT_EQ(state().rows.size(), 1502U) << "gone for readers, and not yet removed";
  const Sequence before = last_sequence();
  for (int i = 0; i < 3; ++i) world_->work();
  EXPECT_GT(last_sequence(), before);
  EXPECT_EQ(state().rows.size(), 4U);
  EXPECT_EQ(keys(), (std::vector<Bytes>{"key0", "key1", "later", "stays"}));
  const Sequence after = last_sequence();
  for (int i = 0; i < 3; ++i) world_->work();
  EXPECT_EQ(last_sequence(), after) << "nothing is due";
  clock().advance_ms(1000);
  for (int i = 0; i < 3; ++i) world_->work();
  EXPECT_EQ(state().rows.size(), 2U);
}

// --- Batches that somebody else numbered ---------------------------------------------------------

TEST_P(StoreConformance, ABatchIsAppliedOnce) {
  EXPECT_TRUE(store().apply(5, Batch().put("a", "1")).value());
  EXPECT_EQ(versioned("a")->revision, 5U);
  EXPECT_FALSE(store().apply(5, Batch().put("a", "2")).value());
  EXPECT_FALSE(store().apply(4, Batch().put("b", "2")).value());
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "absent");
  EXPECT_EQ(commit(Batch().put("c", "1")), 6U);
  EXPECT_FALSE(store().apply(6, Batch().put("c", "2")).value());
  EXPECT_TRUE(
      store().apply(1000, Batch().remove("a").put("b", "1", Expiry::at(kBegan + 5))).value());
  EXPECT_EQ(last_sequence(), 1000U);
  EXPECT_EQ(keys(), (std::vector<Bytes>{"b", "c"}));
  EXPECT_EQ(versioned("b")->expiry_ms, kBegan + 5);
}

TEST_P(StoreConformance, ApplyTakesNothingThatIsToBeEvaluated) {
  const auto code = [&](Sequence sequence, const Batch& batch) {
    return store().apply(sequence, batch).status().code();
  };
  EXPECT_EQ(code(1, Batch().require_absent("k").put("k", "v")), Code::invalid_argument);
  EXPECT_EQ(code(1, Batch().put("k", "v", Expiry::after(milliseconds(5)))), Code::invalid_argument);
  EXPECT_EQ(code(1, Batch().put("k", "v", Expiry::keep())), Code::invalid_argument);
  EXPECT_EQ(code(1, Batch().set_expiry("k", Expiry::at(5))), Code::invalid_argument);
  EXPECT_EQ(code(1, Batch()), Code::invalid_argument);
  EXPECT_EQ(code(0, Batch().put("k", "v")), Code::invalid_argument);
  EXPECT_EQ(code(kSequenceMax + 1, Batch().put("k", "v")), Code::invalid_argument);
  EXPECT_EQ(code(1, Batch().put("", "v")), Code::invalid_argument);
  EXPECT_EQ(last_sequence(), 0U);
}

TEST_P(StoreConformance, WhenAllSequencesAreUsedNothingIsCommitted) {
  EXPECT_TRUE(store().apply(kSequenceMax, Batch().put("a", "1")).value());
  EXPECT_EQ(code_of(Batch().put("a", "2")), Code::exhausted);
  EXPECT_EQ(code_of(Batch().require_present("a")), Code::ok);
  EXPECT_EQ(get("a"), "1");
}

// --- Bad input -----------------------------------------------------------------------------------

TEST_P(StoreConformance, WhatIsOutsideALimitIsRefusedAsAWhole) {
  const Bytes too_long(kKeyBytesMax + 1, 'k');
  for (const Bytes& key : {Bytes(), too_long}) {
    EXPECT_EQ(code_of(Batch().put("good", "value").put(key, "value")), Code::invalid_argument);
    EXPECT_EQ(code_of(Batch().remove(key)), Code::invalid_argument);
    EXPECT_EQ(code_of(Batch().set_expiry(key, Expiry::never())), Code::invalid_argument);
    EXPECT_EQ(code_of(Batch().require_absent(key)), Code::invalid_argument);
    EXPECT_EQ(store().get(Space::user, key).status().code(), Code::invalid_argument);
  }
  for (const Expiry expiry :
       {Expiry::after(milliseconds(0)), Expiry::after(milliseconds(-5)), Expiry::at(0),
        Expiry::after(milliseconds(kTimeToLiveMsMax + 1)), Expiry::at(kExpiryMsMax + 1)}) {
    EXPECT_EQ(code_of(Batch().put("good", "value", expiry)), Code::invalid_argument);
  }
  EXPECT_EQ(last_sequence(), 0U);
  EXPECT_EQ(get("good"), "absent");
  EXPECT_EQ(code_of(Batch().put("good", "value", Expiry::at(kExpiryMsMax))), Code::ok);
  EXPECT_EQ(code_of(Batch().put("good", "value", Expiry::after(milliseconds(kTimeToLiveMsMax)))),
            Code::ok);
}

TEST_P(StoreConformance, AStoredValueOfAnEngineIsRefusedElsewhere) {
  CrashFileSystem disk;
  ManualExecutor executor;
  SeededRandom random(7);
  const auto engine =
      EngineStore::open({disk, clock(), random, executor}, "other", Options{}).value();
  ValueWriter writer = engine->write_value().value();
  ASSERT_TRUE(writer.append(Bytes(2 * kMiB, 'x')).ok());
  const StoredValue value = writer.finish().value();
  EXPECT_EQ(code_of(Batch().put("a", "1").put("key", value)), Code::invalid_argument);
  EXPECT_EQ(store().apply(9, Batch().put("key", value)).status().code(), Code::invalid_argument);
  EXPECT_EQ(get("a"), "absent");
  EXPECT_EQ(last_sequence(), 0U);
}

// --- Ends ----------------------------------------------------------------------------------------

TEST_P(StoreConformance, AClosedStoreRefusesEverything) {
  commit(Batch().put("a", "1").put("b", "1"));
  Scan scan = store().scan(Space::user, {}).value();
  ASSERT_TRUE(scan.next().value());
  const auto reader = store().read_state().value();
  ASSERT_TRUE(world_->close().ok());
  EXPECT_EQ(world_->close().code(), Code::invalid_argument);
  EXPECT_EQ(code_of(Batch().put("a", "2")), Code::invalid_argument);
  EXPECT_EQ(store().apply(9, Batch().put("a", "2")).status().code(), Code::invalid_argument);
  EXPECT_EQ(store().get(Space::user, "a").status().code(), Code::invalid_argument);
  EXPECT_EQ(store().scan(Space::user, {}).status().code(), Code::invalid_argument);
  EXPECT_EQ(store().read_state().status().code(), Code::invalid_argument);
  EXPECT_EQ(scan.next().status().code(), Code::invalid_argument);
  EXPECT_EQ(reader->next().status().code(), Code::invalid_argument);
}

class StoreRestart : public StoreConformance {};

INSTANTIATE_TEST_SUITE_P(Stores, StoreRestart, testing::ValuesIn(lasting_store_kinds()),
                         [](const auto& kind) { return store_kind_name(kind.param); });

TEST_P(StoreRestart, TimeDoesNotGoBackBehindTheLastBatch) {
  commit(Batch().put("key", "value", Expiry::after(milliseconds(1000))));
  clock().advance_ms(1000);
  commit(Batch().put("other", "value"));
  clock().set_wall_ms(kBegan);
  for (const StoreWorld::End end : {StoreWorld::End::closed, StoreWorld::End::killed}) {
    restart(end);
    EXPECT_EQ(get("key"), "absent");
    EXPECT_EQ(keys().back(), "other");
  }
  commit(Batch().put("later", "value", Expiry::after(milliseconds(5))));
  EXPECT_EQ(versioned("later")->expiry_ms, kBegan + 1005);
}

TEST_P(StoreRestart, EverythingIsThereAfterwards) {
  const Bytes large(2 * kMiB, 'l');
  ASSERT_TRUE(store().apply(100, Batch().put("a", "1").put("large", large)).value());
  commit(Batch().put("b", "1", Expiry::after(milliseconds(1000))).put("c", "1", Space{300}));
  commit(Batch().put("gone", "1"));
  commit(Batch().remove("gone"));
  const StateHash before = hash();
  for (const StoreWorld::End end : {StoreWorld::End::closed, StoreWorld::End::killed}) {
    restart(end);
    EXPECT_EQ(hash(), before);
    EXPECT_EQ(last_sequence(), 103U);
    EXPECT_EQ(versioned("a")->revision, 100U);
    EXPECT_EQ(get("large"), large);
    EXPECT_EQ(get("c", Space{300}), "1");
    EXPECT_EQ(versioned("b")->expiry_ms, kBegan + 1000);
    EXPECT_EQ(keys(), (std::vector<Bytes>{"a", "b", "large"}));
    EXPECT_FALSE(store().apply(103, Batch().put("a", "2")).value()) << "applied before";
    EXPECT_EQ(code_of(Batch().require_absent("a")), Code::conflict);
  }
  clock().advance_ms(2000);
  EXPECT_EQ(get("b"), "absent");
  restart(StoreWorld::End::killed);
  world_->work();
  EXPECT_EQ(state().rows.size(), 3U) << "what fell due meanwhile is removed";
  EXPECT_EQ(commit(Batch().put("d", "1")), 105U);
}

}  // namespace
}  // namespace talea
