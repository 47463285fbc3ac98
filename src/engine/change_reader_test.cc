// The change feed: every change once and in order, from every way of writing, and what is lost is
// told.
#include "talea/changes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/restore.h"
#include "engine/store_testing.h"
#include "store/state_testing.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

// A change that owns its bytes.
struct Event {
  Sequence sequence = 0;
  Bytes key;
  std::optional<Bytes> value;  // none: removed
  std::uint64_t expiry_ms = 0;
  bool is_last = true;
  bool operator==(const Event&) const = default;
};

class ChangeReaderTest : public StoreTest {
 protected:
  ChangeReaderTest() {
    options_.segment_bytes = 64 * kKiB;
    options_.compaction_interval = milliseconds(0);
    options_.checkpoint_bytes = 0;
    open();
  }
  ChangeReader reader(Sequence after = 0, BytesView prefix = {}) {
    return store_->changes(Space::user, after, prefix).value();
  }
  static Event event_of(const ChangeReader& reader) {
    const Change& change = reader.change();
    Event event{change.sequence, Bytes(change.key), {}, change.expiry_ms, change.is_last_of_batch};
    if (change.is_remove) return event;
    ValueReader value = reader.read_value().value();
    EXPECT_EQ(value.bytes(), change.value_bytes);
    event.value.emplace();
    for (BytesView piece = value.read().value(); !piece.empty(); piece = value.read().value()) {
      *event.value += piece;
    }
    if (change.value_bytes <= kInlineValueBytesMax) {
      EXPECT_EQ(change.value, *event.value);
    }
    return event;
  }
  static std::vector<Event> read(ChangeReader& reader) {
    std::vector<Event> events;
    for (;;) {
      const Result<bool> next = reader.next();
      EXPECT_TRUE(next.ok()) << next.status().to_string();
      if (!next.ok() || !*next) return events;
      events.push_back(event_of(reader));
    }
  }
  std::vector<Event> read(Sequence after = 0, BytesView prefix = {}) {
    ChangeReader from = reader(after, prefix);
    return read(from);
  }
  Sequence put(BytesView key, BytesView value) {
    return store_->put(Space::user, key, value).value();
  }
  void fill(int count, std::size_t bytes = 1000) {
    for (int i = 0; i < count; ++i) put("key" + std::to_string(i % 20), Bytes(bytes, 'v'));
  }
};

TEST_F(ChangeReaderTest, EveryWayOfWritingIsSeen) {
  options_.compress_from_bytes = 64;
  reopen();
  const Bytes large(2 * kMiB, 'l');
  put("a", "1");
  store_->remove(Space::user, "a").value();
  Batch batch;
  batch.put("b", "2").put("c", "3", Expiry::at(kBegan + 1000)).remove("d").put("x", "", Space{300});
  store_->commit(batch, nullptr).value();
  store_->apply(10, Batch().put("e", "4")).value();
  ASSERT_TRUE(store_->commit_async(Batch().put("f", Bytes(500, 'f')), [](auto) {}).ok());
  ASSERT_TRUE(store_->wait_for_change(10, milliseconds(60'000)));
  put("g", large);
  store_->set_expiry(Space::user, "b", Expiry::at(kBegan + 1000)).value();
  clock_.advance_ms(1000);
  store_->reaper().step();
  const std::vector<Event> expected = {
      {1, "a", "1"},
      {2, "a", {}},
      {3, "b", "2", 0, false},
      {3, "c", "3", kBegan + 1000, false},
      {3, "d", {}},
      {10, "e", "4"},
      {11, "f", Bytes(500, 'f')},
      {12, "g", large},
      {13, "b", "2", kBegan + 1000},
      {14, "b", {}, 0, false},
      {14, "c", {}},
  };
  EXPECT_EQ(read(), expected);
  const std::vector<Event> of_space = {{3, "x", ""}};
  ChangeReader other = store_->changes(Space{300}, 0, {}).value();
  EXPECT_EQ(read(other), of_space);
  reopen();
  EXPECT_EQ(read(), expected);
}

TEST_F(ChangeReaderTest, GoesOnWhereItEnded) {
  fill(50);
  ChangeReader first = reader();
  EXPECT_EQ(read(first).size(), 50U);
  EXPECT_EQ(first.position(), 50U);
  EXPECT_FALSE(first.next().value());
  put("new", "1");
  EXPECT_EQ(read(first), (std::vector<Event>{{51, "new", "1"}}));
  reopen();
  put("newer", "2");
  EXPECT_EQ(read(50), (std::vector<Event>{{51, "new", "1"}, {52, "newer", "2"}}));
  EXPECT_TRUE(read(52).empty());
  EXPECT_EQ(reader(53).next().status().code(), Code::invalid_argument) << "of another store";
}

TEST_F(ChangeReaderTest, APrefixLeavesTheRestOut) {
  put("user/1", "a");
  put("other", "b");
  store_->commit(Batch().put("user/2", "c").put("zebra", "d"), nullptr).value();
  EXPECT_EQ(read(0, "user/"), (std::vector<Event>{{1, "user/1", "a"}, {3, "user/2", "c"}}));
  ChangeReader from = reader(0, "none");
  EXPECT_TRUE(read(from).empty());
  EXPECT_EQ(from.position(), 3U) << "what is of no interest was seen all the same";
}

TEST_F(ChangeReaderTest, CompactionLosesWhatItTakesAndTheReaderIsToldWhich) {
  fill(400);
  ChangeReader slow = reader();
  ASSERT_TRUE(slow.next().value());
  ChangeReader fresh = reader();
  ASSERT_TRUE(store_->compact().ok());
  executor_.step_all();
  fill(200);
  const Sequence last = put("last", "1");
  // The segment that the slow one was in stays until it leaves it.
  std::vector<Event> events;
  std::optional<LostChanges> lost;
  for (;;) {
    const Result<bool> next = slow.next();
    if (!next.ok()) {
      ASSERT_EQ(next.status().code(), Code::not_found);
      ASSERT_FALSE(lost.has_value()) << "twice";
      lost = slow.lost();
      continue;
    }
    if (!*next) break;
    const Event event = event_of(slow);
    if (lost) {
      EXPECT_EQ(event.sequence, lost->last + 1 + (events.size() - (lost->first - 2)));
    } else {
      EXPECT_EQ(event.sequence, events.size() + 2);
    }
    events.push_back(event);
  }
  ASSERT_TRUE(lost.has_value());
  EXPECT_EQ(events.back().sequence, last);
  EXPECT_EQ(events.size() + 1 + (lost->last - lost->first + 1), last) << "all, or told";

  ASSERT_EQ(fresh.next().status().code(), Code::not_found);
  EXPECT_EQ(fresh.lost()->first, 1U);
  EXPECT_EQ(fresh.lost()->last, lost->last);
  EXPECT_EQ(fresh.position(), lost->last);
  ASSERT_TRUE(fresh.next().value()) << "it goes on behind what is lost";
  EXPECT_EQ(fresh.change().sequence, lost->last + 1);
  EXPECT_FALSE(fresh.lost().has_value());
}

TEST_F(ChangeReaderTest, ChangesBytesKeepsThatMuch) {
  options_.changes_bytes = 300 * kKiB;
  reopen();
  for (int round = 0; round < 5; ++round) {
    fill(200);
    ASSERT_TRUE(store_->compact().ok());
    ASSERT_TRUE(store_->compact().ok());
    executor_.step_all();
  }
  const Sequence last = store_->stats().last_sequence;
  EXPECT_EQ(read(last - 200).size(), 200U) << "200 KB of it";
  EXPECT_EQ(reader(last - 600).next().status().code(), Code::not_found) << "no 600 KB";
  EXPECT_LE(store_->stats().disk_bytes, 700 * kKiB);
  reopen();
  EXPECT_EQ(read(last - 200).size(), 200U);
}

TEST_F(ChangeReaderTest, AllThatWasCompactedAwayIsLostAtOnce) {
  fill(100);
  ASSERT_TRUE(store_->compact().ok());
  ASSERT_TRUE(store_->compact().ok());
  executor_.step_all();
  ChangeReader from = reader(10);
  ASSERT_EQ(from.next().status().code(), Code::not_found);
  EXPECT_EQ(from.lost()->first, 11U);
  EXPECT_EQ(from.lost()->last, 100U);
  EXPECT_FALSE(from.next().value());
  put("new", "1");
  EXPECT_EQ(read(from), (std::vector<Event>{{101, "new", "1"}}));
}

// Its rows are not what was committed.
TEST_F(ChangeReaderTest, ARestoredStoreHasOnlyWhatCameSince) {
  fill(50);
  store_->remove(Space::user, "key3").value();
  Bytes stream;
  ASSERT_TRUE(write_state_stream(*store_->read_state().value(), sink_to(stream)).ok());
  auto state = StateStreamReader::open(source_of(stream)).value();
  ASSERT_TRUE(restore_directory(seams(), "copy", options_, *state).ok());
  open("copy");
  for (const bool again : {false, true}) {
    ChangeReader from = reader(again ? 40 : 0);
    ASSERT_EQ(from.next().status().code(), Code::not_found);
    EXPECT_EQ(from.lost()->first, again ? 41U : 1U);
    EXPECT_EQ(from.lost()->last, 51U);
    EXPECT_EQ(read(from).size(), again ? 2U : 0U);
    put("new", "1");
    EXPECT_EQ(read(from), (std::vector<Event>{{again ? 54U : 52U, "new", "1"}}));
    if (!again) {
      ASSERT_TRUE(store_->close().ok());
      open("copy");
      put("newer", "1");
    }
  }
}

TEST_F(ChangeReaderTest, AValueThatIsGoneIsToldAndNothingElse) {
  put("large", Bytes(2 * kMiB, 'a'));
  put("large", Bytes(2 * kMiB, 'b'));
  reopen();  // extents of this session stay
  executor_.step_all();
  ASSERT_TRUE(store_->checkpoint().ok());
  put("small", "1");
  ASSERT_TRUE(store_->checkpoint().ok());
  ChangeReader from = reader();
  const Result<bool> next = from.next();
  if (next.ok()) {
    ASSERT_EQ(from.change().value_bytes, 2 * kMiB);
    EXPECT_TRUE(from.change().value.empty());
    const auto value = from.read_value();
    EXPECT_TRUE(value.ok() || value.status().code() == Code::not_found);
  } else {
    EXPECT_EQ(next.status().code(), Code::not_found);
  }
  EXPECT_EQ(reader(2).read_value().status().code(), Code::invalid_argument) << "at no change";
}

TEST_F(ChangeReaderTest, DamageIsCorruptionAndNoSkippedBatch) {
  fill(10, 100);
  ASSERT_TRUE(store_->close().ok());
  ASSERT_TRUE(disk_.flip_bit(join_path(kPath, "0000000001.log"), 4096 + 5 * 120, 3).ok());
  options_.read_only = true;
  auto opened = EngineStore::open(seams(), kPath, options_);
  EXPECT_EQ(opened.status().code(), Code::corruption) << "the log is replayed";
}

TEST_F(ChangeReaderTest, WaitsForTheNextBatchOnly) {
  ChangeReader from = reader();
  EXPECT_FALSE(from.wait(milliseconds(0)).value());
  EXPECT_FALSE(from.wait(milliseconds(1)).value());
  put("a", "1");
  EXPECT_TRUE(from.wait(milliseconds(60'000)).value());
  EXPECT_EQ(read(from).size(), 1U);
  EXPECT_FALSE(from.wait(milliseconds(0)).value());
}

TEST_F(ChangeReaderTest, AfterCloseItIsRefused) {
  ChangeReader from = reader();
  put("a", "1");
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(from.next().status().code(), Code::invalid_argument);
  EXPECT_EQ(from.wait(milliseconds(0)).status().code(), Code::invalid_argument);
  EXPECT_EQ(store_->changes(Space::user, 0, {}).status().code(), Code::invalid_argument);
}

// Random batches, reopened, compacted and cut by checkpoints: what is read is what was committed,
// or told to be lost.
TEST_F(ChangeReaderTest, TellsTheOldValueWhereTheStoreKeepsIt) {
  options_.retention = Retention::all();
  options_.changes_bytes = kMiB;
  open();
  ASSERT_TRUE(store_->commit(Batch().put("a", "1").put("b", "1"), nullptr).ok());
  ASSERT_TRUE(store_->commit(Batch().put("a", "2").remove("b").put("a", "3"), nullptr).ok());
  ASSERT_TRUE(store_->checkpoint().ok());
  ASSERT_TRUE(store_->commit(Batch().put("b", "2").remove("a"), nullptr).ok());
  ASSERT_TRUE(store_->compact().ok());
  ChangeReader changes = reader();
  EXPECT_EQ(changes.old_value().status().code(), Code::invalid_argument);
  const std::vector<std::pair<Bytes, std::optional<Bytes>>> expected = {
      {"a", {}}, {"b", {}}, {"a", "1"}, {"b", "1"}, {"a", "1"}, {"b", {}}, {"a", "3"}};
  for (const auto& [key, value] : expected) {
    ASSERT_TRUE(changes.next().value());
    EXPECT_EQ(changes.change().key, key);
    const auto old = changes.old_value().value();
    EXPECT_EQ(old ? std::optional(old->value) : std::nullopt, value)
        << changes.change().sequence << " " << key;
  }
  EXPECT_FALSE(changes.next().value());
}

TEST_F(ChangeReaderTest, TellsNoOldValueThatWasNotKept) {
  ASSERT_TRUE(store_->put(Space::user, "a", "1").ok());
  ASSERT_TRUE(store_->put(Space::user, "a", "2").ok());
  ChangeReader changes = reader(1);
  ASSERT_TRUE(changes.next().value());
  EXPECT_EQ(changes.old_value().status().code(), Code::not_found);
}

class ChangeReaderSeed : public ChangeReaderTest, public testing::WithParamInterface<int> {};

TEST_P(ChangeReaderSeed, EqualsWhatWasCommitted) {
  SeededRandom random(static_cast<std::uint64_t>(GetParam()));
  const auto below = [&](std::uint64_t limit) { return random.next_u64() % limit; };
  options_.changes_bytes = below(3) * 100 * kKiB;
  options_.compress_from_bytes = below(2) * 64;
  if (below(3) == 0) options_.sync = SyncMode::always;
  reopen();
  std::map<Sequence, std::vector<Event>> committed;
  Sequence last = 0;
  std::vector<ChangeReader> readers;
  std::vector<Sequence> seen;  // through which each has compared
  const auto follow = [&](std::size_t which, int events_max) {
    ChangeReader& from = readers[which];
    std::vector<Event> events;
    while (events_max-- > 0) {
      const Result<bool> next = from.next();
      if (!next.ok()) {
        ASSERT_EQ(next.status().code(), Code::not_found) << next.status().to_string();
        ASSERT_EQ(from.lost()->first, seen[which] + 1);
        ASSERT_LE(from.lost()->last, last);
        seen[which] = from.lost()->last;
        continue;
      }
      if (!*next) {
        for (auto left = committed.upper_bound(seen[which]); left != committed.end(); ++left) {
          ASSERT_TRUE(left->second.empty()) << "batch " << left->first << " was not seen";
        }
        return;
      }
      events.push_back(event_of(from));
      if (!events.back().is_last) continue;
      const Sequence sequence = events.back().sequence;
      for (auto left = committed.upper_bound(seen[which]); left->first < sequence; ++left) {
        ASSERT_TRUE(left->second.empty()) << "batch " << left->first << " was passed over";
      }
      ASSERT_EQ(events, committed[sequence]);
      seen[which] = sequence;
      events.clear();
    }
    // In the middle of a batch: to its end.
    while (!events.empty()) {
      ASSERT_TRUE(from.next().value());
      events.push_back(event_of(from));
      if (!events.back().is_last) continue;
      ASSERT_EQ(events, committed[events.back().sequence]);
      seen[which] = events.back().sequence;
      events.clear();
    }
  };
  const auto commit = [&] {
    Batch batch;
    std::vector<Event> events;
    for (std::uint64_t i = 0; i <= below(4); ++i) {
      const Bytes key = "key" + std::to_string(below(30));
      if (below(5) == 0) {
        batch.remove(key);
        events.push_back({0, key, {}, 0, false});
      } else {
        const Bytes value(below(2000), static_cast<char>('a' + below(26)));
        const std::uint64_t expiry_ms = below(4) == 0 ? kExpiryMsMax - below(10) : 0;
        batch.put(key, value, expiry_ms == 0 ? Expiry::never() : Expiry::at(expiry_ms));
        events.push_back({0, key, value, expiry_ms, false});
      }
    }
    const bool gap = below(10) == 0;
    const Sequence sequence = last + 1 + (gap ? below(5) : 0);
    if (gap) {
      ASSERT_TRUE(store_->apply(sequence, batch).value());
    } else {
      ASSERT_EQ(store_->commit(batch, nullptr).value(), sequence);
    }
    last = sequence;
    for (Event& event : events) event.sequence = sequence;
    events.back().is_last = true;
    committed[sequence] = events;
  };
  for (int step = 0; step < 1200; ++step) {
    switch (below(40)) {
      case 0: ASSERT_TRUE(store_->compact().ok()); break;
      case 1: ASSERT_TRUE(store_->checkpoint().ok()); break;
      case 2: executor_.step_all(); break;
      case 3:
        readers.clear();
        seen.clear();
        if (below(2) == 0) {
          reopen();
        } else {
          open();
        }
        break;
      case 4:
      case 5:
        if (readers.size() > 5) break;
        seen.push_back(below(last + 1));
        readers.push_back(reader(seen.back()));
        break;
      default: commit();
    }
    if (readers.empty()) continue;
    ASSERT_NO_FATAL_FAILURE(follow(below(readers.size()), static_cast<int>(below(20)))) << step;
  }
  for (std::size_t which = 0; which < readers.size(); ++which) {
    ASSERT_NO_FATAL_FAILURE(follow(which, 100'000));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChangeReaderSeed, testing::Range(1, 21));

}  // namespace
}  // namespace talea
