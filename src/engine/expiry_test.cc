// Keys that expire, through the store, on a disk in memory and with a clock that is set by hand.
#include <gtest/gtest.h>

#include <map>

#include "engine/expiry_hint.h"
#include "engine/restore.h"
#include "engine/store_testing.h"
#include "store/state_testing.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

class ExpiryTest : public StoreTest {
 protected:
  ExpiryTest() { open(); }
  Sequence put(BytesView key, BytesView value, Expiry expiry) {
    const auto put = store_->commit(Batch().put(key, value, expiry), nullptr);
    EXPECT_TRUE(put.ok()) << put.status().to_string();
    return put.ok() ? *put : 0;
  }
  void put_for(BytesView key, std::uint64_t ms) {
    put(key, "value", Expiry::after(milliseconds(ms)));
  }
  std::string get(BytesView key) {
    return store_->get_value(Space::user, key).value().value_or("absent");
  }
  std::uint64_t expiry_of(BytesView key) {
    const auto found = store_->get(Space::user, key).value();
    return found ? found->expiry_ms : UINT64_MAX;
  }
  std::vector<Bytes> hints() {
    std::vector<Bytes> keys;
    Scan scan = store_->scan(kExpirySpace, {}).value();
    while (scan.next().value()) keys.emplace_back(scan.key());
    return keys;
  }
  std::vector<Bytes> scanned(const ScanRange& range = {}) {
    std::vector<Bytes> keys;
    Scan scan = store_->scan(Space::user, range).value();
    while (scan.next().value()) keys.emplace_back(scan.key());
    return keys;
  }
};

TEST_F(ExpiryTest, AKeyIsThereUntilItsTimeAndGoneFromThenOn) {
  put_for("short", 1000);
  put("at", "value", Expiry::at(kBegan + 2000));
  put("stays", "value", Expiry::never());
  EXPECT_EQ(expiry_of("short"), kBegan + 1000);
  clock_.advance_ms(999);
  EXPECT_EQ(get("short"), "value");
  clock_.advance_ms(1);
  EXPECT_EQ(get("short"), "absent");
  EXPECT_EQ(get("at"), "value");
  clock_.advance_ms(1000);
  EXPECT_EQ(get("at"), "absent");
  EXPECT_EQ(get("stays"), "value");
  EXPECT_EQ(expiry_of("stays"), 0U);
}

TEST_F(ExpiryTest, NoWayOfReadingFindsAnExpiredKey) {
  put_for("a", 10);
  put("b", "value", Expiry::never());
  put_for("c", 10);
  clock_.advance_ms(10);
  EXPECT_EQ(scanned(), std::vector<Bytes>{"b"});
  EXPECT_EQ(scanned({.reverse = true}), std::vector<Bytes>{"b"});
  EXPECT_EQ(scanned({.limit = 1}), std::vector<Bytes>{"b"});
  const std::vector<BytesView> keys = {"a", "b", "c"};
  std::vector<std::optional<Bytes>> values(3, "before");
  ASSERT_TRUE(store_->multi_get(Space::user, keys, values).ok());
  EXPECT_FALSE(values[0].has_value());
  EXPECT_TRUE(values[1].has_value());
  EXPECT_FALSE(values[2].has_value());
  Bytes value = "as it was";
  EXPECT_FALSE(store_->get_into(Space::user, "a", value).value());
  EXPECT_EQ(value, "as it was");
  EXPECT_FALSE(store_->get(Space::user, "a").value().has_value());
  EXPECT_FALSE(store_->read_value(Space::user, "a").value().has_value());
  EXPECT_FALSE(store_->snapshot().value().get("a").value().has_value());
}

TEST_F(ExpiryTest, ASnapshotAndAScanAreOfTheirTime) {
  put_for("a", 1000);
  put("b", "value", Expiry::never());
  const Snapshot before = store_->snapshot().value();
  Scan scan = store_->scan(Space::user, {}).value();
  clock_.advance_ms(1000);
  const Snapshot after = store_->snapshot().value();
  executor_.step_all();
  EXPECT_EQ(store_->stats().keys, 1U) << "it was not removed";
  EXPECT_TRUE(before.get("a").value().has_value());
  EXPECT_FALSE(after.get("a").value().has_value());
  ASSERT_TRUE(scan.next().value());
  EXPECT_EQ(scan.key(), "a");
  EXPECT_EQ(scan.expiry_ms().value(), kBegan + 1000);
  Scan of_snapshot = before.scan().value();
  ASSERT_TRUE(of_snapshot.next().value());
  EXPECT_EQ(of_snapshot.key(), "a");
}

TEST_F(ExpiryTest, AnUpdateSetsKeepsRefreshesOrClears) {
  put_for("cleared", 1000);
  put_for("kept", 1000);
  put_for("refreshed", 1000);
  put("set", "value", Expiry::never());
  clock_.advance_ms(500);
  put("cleared", "new", Expiry::never());
  put("kept", "new", Expiry::keep());
  put("refreshed", "new", Expiry::after(milliseconds(1000)));
  put("set", "new", Expiry::after(milliseconds(600)));
  put("keeps nothing", "new", Expiry::keep());
  EXPECT_EQ(expiry_of("cleared"), 0U);
  EXPECT_EQ(expiry_of("kept"), kBegan + 1000);
  EXPECT_EQ(expiry_of("refreshed"), kBegan + 1500);
  EXPECT_EQ(expiry_of("set"), kBegan + 1100);
  EXPECT_EQ(expiry_of("keeps nothing"), 0U);
  clock_.advance_ms(500);
  executor_.step_all();
  EXPECT_EQ(get("cleared"), "new");
  EXPECT_EQ(get("kept"), "absent");
  EXPECT_EQ(get("refreshed"), "new");
  clock_.advance_ms(500);
  executor_.step_all();
  EXPECT_EQ(get("refreshed"), "absent");
  EXPECT_EQ(get("set"), "absent");
  EXPECT_EQ(get("cleared"), "new");
  EXPECT_TRUE(hints().empty());
}

TEST_F(ExpiryTest, AnExpiryChangesWithoutItsValue) {
  const Bytes large(3 * kMiB, 'l');
  put("small", "value", Expiry::never());
  put("large", large, Expiry::after(milliseconds(100)));
  EXPECT_TRUE(store_->set_expiry(Space::user, "small", Expiry::after(milliseconds(50))).value());
  EXPECT_TRUE(store_->set_expiry(Space::user, "large", Expiry::never()).value());
  EXPECT_FALSE(store_->set_expiry(Space::user, "absent", Expiry::never()).value());
  EXPECT_EQ(get("small"), "value");
  clock_.advance_ms(100);
  EXPECT_EQ(get("small"), "absent");
  EXPECT_EQ(get("large"), large);
  EXPECT_FALSE(store_->set_expiry(Space::user, "small", Expiry::never()).value()) << "it is gone";
  reopen();
  EXPECT_EQ(get("large"), large);
  expect_clean();
}

TEST_F(ExpiryTest, PreconditionsDoNotSeeAnExpiredKey) {
  const Sequence first = put("key", "value", Expiry::after(milliseconds(10)));
  EXPECT_EQ(store_->commit(Batch().require_absent("key"), nullptr).status().code(), Code::conflict);
  EXPECT_TRUE(store_->commit(Batch().require_present("key"), nullptr).ok());
  clock_.advance_ms(10);
  EXPECT_EQ(store_->commit(Batch().require_present("key"), nullptr).status().code(),
            Code::conflict);
  FailedPrecondition failed;
  EXPECT_EQ(store_->commit(Batch().require_revision("key", first), &failed).status().code(),
            Code::conflict);
  EXPECT_FALSE(failed.found.has_value());
  EXPECT_TRUE(store_->commit(Batch().require_absent("key").put("key", "mine"), nullptr).ok());
  EXPECT_EQ(get("key"), "mine");
}

TEST_F(ExpiryTest, ExpiredKeysStayGoneAndTheirSpaceReturns) {
  options_.compaction_interval = milliseconds(60'000);
  reopen();
  for (int i = 0; i < 3000; ++i) {
    put("key" + std::to_string(i), Bytes(1000, 'v'), Expiry::after(milliseconds(1000 + i % 7)));
  }
  put("stays", "value", Expiry::never());
  ASSERT_TRUE(store_->checkpoint().ok());
  reopen();  // its keys and hints are in runs alone
  clock_.advance_ms(2000);
  executor_.step_all();
  EXPECT_EQ(store_->stats().keys, 1U);
  EXPECT_EQ(store_->stats().keys_expired, 3000U);
  EXPECT_TRUE(hints().empty());
  ASSERT_TRUE(store_->compact().ok());
  executor_.step_all();
  EXPECT_LE(store_->stats().live_bytes, 100U);
  EXPECT_LE(store_->stats().disk_bytes, 600 * kKiB) << "the segments that are open";
  for (int i = 0; i < 2; ++i) {
    reopen();
    EXPECT_EQ(scanned(), std::vector<Bytes>{"stays"});
  }
  expect_clean();
}

TEST_F(ExpiryTest, ExpiredKeysStayGoneWhenTheClockGoesBack) {
  put_for("key", 1000);
  clock_.advance_ms(1000);
  put("other", "value", Expiry::never());  // a batch of that time
  clock_.set_wall_ms(kBegan);
  EXPECT_EQ(get("key"), "absent");
  EXPECT_TRUE(scanned() == std::vector<Bytes>{"other"});
  kill();
  EXPECT_EQ(get("key"), "absent");
}

TEST_F(ExpiryTest, AStoreThatWasClosedMeanwhileReapsWhatIsDue) {
  put_for("a", 1000);
  put_for("b", 5000);
  kill();
  clock_.advance_ms(2000);
  EXPECT_EQ(get("a"), "absent") << "before the reaper has come";
  executor_.step_all();
  EXPECT_EQ(store_->stats().keys, 1U);
  EXPECT_EQ(hints().size(), 1U);
  clock_.advance_ms(3000);
  executor_.step_all();
  EXPECT_EQ(store_->stats().keys, 0U);
  EXPECT_TRUE(hints().empty());
}

TEST_F(ExpiryTest, TheReaperCostsWhatIsDue) {
  for (int i = 0; i < 2000; ++i) put_for("key" + std::to_string(i), 1'000'000);
  executor_.step_all();
  put_for("due", 100);
  clock_.advance_ms(100);
  const Stats before = store_->stats();
  const std::uint64_t read_before = store_->reaper().hints_read();
  store_->reaper().step();
  const Stats after = store_->stats();
  EXPECT_EQ(after.keys_expired - before.keys_expired, 1U);
  EXPECT_EQ(after.batches_committed - before.batches_committed, 1U);
  EXPECT_EQ(store_->reaper().hints_read() - read_before, 2U) << "the one that is due, and the next";
  for (int i = 0; i < 10; ++i) store_->reaper().step();
  EXPECT_EQ(store_->reaper().hints_read() - read_before, 2U) << "nothing is due";
}

// A lease that is renewed once a second must not leave a hint each time.
TEST_F(ExpiryTest, HintsOfWhatIsReplacedGoWithIt) {
  for (int i = 0; i < 100; ++i) {
    put_for("lease", 60'000);
    clock_.advance_ms(1000);
  }
  EXPECT_EQ(hints().size(), 1U);
  ASSERT_TRUE(store_->put(Space::user, "lease", "for good").ok());
  EXPECT_TRUE(hints().empty());
  put_for("lease", 60'000);
  ASSERT_TRUE(store_->remove(Space::user, "lease").ok());
  EXPECT_TRUE(hints().empty());
}

TEST_F(ExpiryTest, AStaleHintRemovesNothing) {
  put("key", "value", Expiry::at(kBegan + 5000));
  const ExpiryHint stale{kBegan + 1000, Space::user, "key"};
  const ExpiryHint of_nothing{kBegan + 1000, Space::user, "absent"};
  Batch batch;
  batch.put(stale.encode(), "", kExpirySpace);
  batch.put(of_nothing.encode(), "", kExpirySpace);
  batch.put("no hint", "", kExpirySpace);
  batch.put(Bytes(8, '\0') + "abc", "", kExpirySpace);
  ASSERT_TRUE(store_->commit(batch, nullptr).ok());
  kill();
  clock_.advance_ms(1000);
  executor_.step_all();
  EXPECT_EQ(get("key"), "value");
  EXPECT_EQ(hints(),
            (std::vector<Bytes>{ExpiryHint{kBegan + 5000, Space::user, "key"}.encode(), "no hint"}))
      << "what is not due stays";
  EXPECT_EQ(store_->stats().keys_expired, 0U);
}

TEST_F(ExpiryTest, KeysOfAnyLengthAndSpaceExpire) {
  const Bytes longest(kKeyBytesMax, 'k');
  put_for(longest, 10);
  ASSERT_TRUE(store_
                  ->commit(Batch().put("key", "value", Expiry::after(milliseconds(10)), Space{300}),
                           nullptr)
                  .ok());
  put(Bytes("\0", 1), "value", Expiry::after(milliseconds(10)));
  clock_.advance_ms(10);
  executor_.step_all();
  EXPECT_EQ(store_->stats().keys, 0U);
  EXPECT_TRUE(hints().empty());
}

// Else the first operation would be undone, or its expiry forgotten.
TEST_F(ExpiryTest, WhatIsAboutTheKeyBeforeTheBatchComesFirstInIt) {
  put("key", "1", Expiry::never());
  const auto code_of = [this](const Batch& batch) {
    return store_->commit(batch, nullptr).status().code();
  };
  const Expiry later = Expiry::after(milliseconds(1000));
  EXPECT_EQ(code_of(Batch().put("key", "2").set_expiry("key", later)), Code::invalid_argument);
  EXPECT_EQ(code_of(Batch().remove("key").put("key", "2", Expiry::keep())), Code::invalid_argument);
  EXPECT_EQ(get("key"), "1");
  EXPECT_EQ(code_of(Batch().set_expiry("key", later).put("other", "2", Expiry::keep())), Code::ok);
  EXPECT_EQ(code_of(Batch().set_expiry("key", later).put("key", "2")), Code::ok);
  EXPECT_EQ(get("key"), "2");
  EXPECT_EQ(expiry_of("key"), 0U);
}

TEST_F(ExpiryTest, CompactGivesTheSpaceOfExpiredKeysBackAtOnce) {
  for (int i = 0; i < 500; ++i) {
    put("key" + std::to_string(i), Bytes(1000, 'v'), Expiry::after(milliseconds(10)));
  }
  clock_.advance_ms(10);
  ASSERT_TRUE(store_->compact().ok());
  EXPECT_EQ(store_->stats().keys, 0U);
  EXPECT_LE(store_->stats().live_bytes, 100U);
}

TEST_F(ExpiryTest, ExpiriesOutOfRangeAreRefused) {
  const auto code_of = [this](Expiry expiry) {
    return store_->commit(Batch().put("key", "value", expiry), nullptr).status().code();
  };
  EXPECT_EQ(code_of(Expiry::after(milliseconds(0))), Code::invalid_argument);
  EXPECT_EQ(code_of(Expiry::after(milliseconds(-5))), Code::invalid_argument);
  EXPECT_EQ(code_of(Expiry::after(milliseconds(kTimeToLiveMsMax + 1))), Code::invalid_argument);
  EXPECT_EQ(code_of(Expiry::at(0)), Code::invalid_argument);
  EXPECT_EQ(code_of(Expiry::at(kExpiryMsMax + 1)), Code::invalid_argument);
  EXPECT_EQ(code_of(Expiry::after(milliseconds(kTimeToLiveMsMax))), Code::ok);
  EXPECT_EQ(code_of(Expiry::at(kExpiryMsMax)), Code::ok);
  EXPECT_EQ(code_of(Expiry::at(1)), Code::ok) << "gone at once";
  EXPECT_EQ(get("key"), "absent");
}

TEST_F(ExpiryTest, ApplyTakesMomentsOnly) {
  const auto code_of = [this](const Batch& batch) {
    return store_->apply(100, batch).status().code();
  };
  EXPECT_EQ(code_of(Batch().put("k", "v", Expiry::after(milliseconds(5)))), Code::invalid_argument);
  EXPECT_EQ(code_of(Batch().put("k", "v", Expiry::keep())), Code::invalid_argument);
  EXPECT_EQ(code_of(Batch().set_expiry("k", Expiry::never())), Code::invalid_argument);
  EXPECT_EQ(code_of(Batch().put("k", "v", Expiry::at(kBegan + 5))), Code::ok);
}

// Else its own removal would have the sequence of the next batch, which would then be ignored.
TEST_F(ExpiryTest, AStoreThatAppliesReapsNothingByItself) {
  ASSERT_TRUE(store_->apply(1, Batch().put("k", "v", Expiry::at(kBegan + 5))).value());
  clock_.advance_ms(10);
  executor_.step_all();
  ASSERT_TRUE(store_->compact().ok());
  EXPECT_EQ(get("k"), "absent");
  EXPECT_TRUE(store_->apply(2, Batch().put("x", "y")).value()) << "it was taken for applied";
  EXPECT_EQ(get("x"), "y");
  options_.reap_expired = false;
  reopen();
  executor_.step_all();
  EXPECT_TRUE(store_->apply(3, Batch().remove("k")).value());
  EXPECT_EQ(store_->stats().keys, 1U);
}

TEST_F(ExpiryTest, CommitsThatNobodyWaitsForExpireToo) {
  std::vector<Result<Sequence>> outcomes;
  const auto note = [&](Result<Sequence> outcome) { outcomes.push_back(std::move(outcome)); };
  ASSERT_TRUE(
      store_->commit_async(Batch().put("a", "1", Expiry::after(milliseconds(10))), note).ok());
  ASSERT_TRUE(store_->commit_async(Batch().put("a", "2", Expiry::keep()), note).ok());
  ASSERT_TRUE(store_->commit_async(Batch().set_expiry("b", Expiry::never()), note).ok());
  ASSERT_TRUE(
      store_->commit_async(Batch().require_absent("a").set_expiry("a", Expiry::never()), note)
          .ok());
  ASSERT_TRUE(store_->close().ok());  // after all are told
  ASSERT_EQ(outcomes.size(), 4U);
  EXPECT_TRUE(outcomes[0].ok() && outcomes[1].ok() && outcomes[2].ok());
  EXPECT_EQ(outcomes[3].status().code(), Code::conflict);
  EXPECT_EQ(store_->stats().conflicts, 1U);
  store_.reset();
  open();
  EXPECT_EQ(expiry_of("a"), kBegan + 10);
  EXPECT_EQ(get("a"), "2");
}

TEST_F(ExpiryTest, AStateCarriesExpiriesAndNoHints) {
  put("stays", "value", Expiry::never());
  const StateHash without = hash();
  put("a", "value", Expiry::at(kBegan + 1000));
  put("large", Bytes(2 * kMiB, 'l'), Expiry::at(kBegan + 2000));
  const StateHash with = hash();
  EXPECT_NE(with, without);
  Bytes stream;
  ASSERT_EQ(write_state_stream(*store_->read_state().value(), sink_to(stream)).value(), with);
  auto state = StateStreamReader::open(source_of(stream)).value();
  ASSERT_EQ(restore_directory(seams(), "copy", options_, *state).value(), with);
  store_ = EngineStore::open(seams(), "copy", options_).value();
  EXPECT_EQ(hash(), with);
  EXPECT_EQ(hints().size(), 2U);
  clock_.advance_ms(1500);
  executor_.step_all();
  EXPECT_EQ(scanned(), (std::vector<Bytes>{"large", "stays"}));
  clock_.advance_ms(500);
  executor_.step_all();
  EXPECT_EQ(scanned(), std::vector<Bytes>{"stays"});
  EXPECT_EQ(store_->stats().keys, 1U);
  EXPECT_EQ(hash(), hash_state(*store_->read_state().value()).value());
}

// Against a model, with reopening, checkpoints, compaction and time going by.
class ExpirySeed : public ExpiryTest, public testing::WithParamInterface<int> {};

TEST_P(ExpirySeed, EqualsTheModel) {
  SeededRandom random(static_cast<std::uint64_t>(GetParam()));
  const auto below = [&](std::uint64_t limit) { return random.next_u64() % limit; };
  struct Value {
    Bytes bytes;
    std::uint64_t expiry_ms;
  };
  std::map<Bytes, Value> model;
  std::uint64_t now = kBegan;
  options_.memory_budget = below(3) == 0 ? kMemoryBudgetMin : 0;
  options_.compress_from_bytes = below(2) == 0 ? 32 : 0;
  reopen();
  const auto forget = [&] {
    std::erase_if(model, [&](const auto& row) {
      return row.second.expiry_ms != 0 && row.second.expiry_ms <= now;
    });
  };
  for (int step = 0; step < 1500; ++step) {
    const Bytes key = "key" + std::to_string(below(60));
    const Bytes value(below(100), static_cast<char>('a' + below(26)));
    const auto found = model.find(key);
    switch (below(10)) {
      case 0:
        ASSERT_TRUE(store_->remove(Space::user, key).ok());
        model.erase(key);
        break;
      case 1:
        ASSERT_TRUE(store_->put(Space::user, key, value).ok());
        model[key] = {value, 0};
        break;
      case 2:
      case 3:
      case 4: {
        const std::uint64_t ms = 1 + below(300);
        put(key, value, Expiry::after(milliseconds(ms)));
        model[key] = {value, now + ms};
        break;
      }
      case 5:
        put(key, value, Expiry::keep());
        model[key] = {value, found == model.end() ? 0 : found->second.expiry_ms};
        break;
      case 6: {
        const std::uint64_t ms = 1 + below(300);
        const bool set =
            store_->set_expiry(Space::user, key, Expiry::after(milliseconds(ms))).value();
        ASSERT_EQ(set, found != model.end());
        if (set) found->second.expiry_ms = now + ms;
        break;
      }
      case 7: {
        const std::uint64_t ms = below(40);
        clock_.advance_ms(ms);
        now += ms;
        forget();
        break;
      }
      case 8: executor_.step_all(); break;
      default:
        switch (below(8)) {
          case 0: reopen(); break;
          case 1: kill(); break;
          case 2: ASSERT_TRUE(store_->checkpoint().ok()); break;
          case 3: ASSERT_TRUE(store_->compact().ok()); break;
          default: break;
        }
    }
    const Bytes asked = "key" + std::to_string(below(60));
    const auto got = store_->get(Space::user, asked).value();
    const auto expected = model.find(asked);
    ASSERT_EQ(got.has_value(), expected != model.end()) << asked << " in step " << step;
    if (got) {
      ASSERT_EQ(got->value, expected->second.bytes);
      ASSERT_EQ(got->expiry_ms, expected->second.expiry_ms);
    }
  }
  std::vector<Bytes> keys;
  keys.reserve(model.size());
  for (const auto& row : model) keys.push_back(row.first);
  EXPECT_EQ(scanned(), keys);
  clock_.advance_ms(1000);
  now += 1000;
  forget();
  executor_.step_all();
  EXPECT_EQ(store_->stats().keys, model.size());
  EXPECT_TRUE(hints().empty());
  reopen();
  EXPECT_EQ(scanned().size(), model.size());
  EXPECT_EQ(store_->stats().keys, model.size());
  expect_clean();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ExpirySeed, testing::Range(1, 25));

}  // namespace
}  // namespace talea
