#include "engine/state_reader.h"

#include <gtest/gtest.h>

#include <optional>

#include "engine/engine_store.h"
#include "engine/restore.h"
#include "io/crash_file_system.h"
#include "store/state_stream.h"
#include "store/state_testing.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr auto kInternal = static_cast<Space>(300);

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}

class StateReaderTest : public testing::Test {
 protected:
  StateReaderTest() { reopen(); }

  void reopen() {
    store_ = nullptr;
    Options options;
    options.segment_bytes = kSegmentBytesMin;
    store_ = must(EngineStore::open({disk_, clock_, random_, executor_}, "/store", options));
  }
  MemoryState state() {
    const auto reader = must(store_->read_state());
    return must(read_all(*reader));
  }
  Result<StateHash> hash() { return hash_state(*TALEA_TRY(store_->read_state())); }

  CrashFileSystem disk_;
  ManualClock clock_{1000};
  SeededRandom random_{test_seed()};
  ManualExecutor executor_;
  std::unique_ptr<EngineStore> store_;
};

TEST_F(StateReaderTest, GivesEveryRowWithItsRevisionAndTime) {
  EXPECT_TRUE(state() == (MemoryState{.rows = {}, .last_sequence = 0, .last_time_ms = 0}));
  const Bytes large(3 * kMiB + 1, 'l');
  must(store_->put(Space::user, "a", "single"));
  clock_.advance_ms(5);
  must(store_->commit(Batch().put("b", "batch").put("c", "gone").put("i", "internal", kInternal),
                      nullptr));
  clock_.advance_ms(300);
  must(store_->put(Space::user, "large", large));
  must(store_->put(kInternal, "limit", Bytes(kInlineValueBytesMax, 'm')));
  clock_.advance_ms(300);
  must(store_->remove(Space::user, "c"));
  must(store_->put(static_cast<Space>(5), "passing", "x"));
  must(store_->remove(static_cast<Space>(5), "passing"));
  const MemoryState expected = {
      .rows = {{{Space::user, "a"}, {"single", 1, 1000}},
               {{Space::user, "b"}, {"batch", 2, 1005}},
               {{Space::user, "large"}, {large, 3, 1305}},
               {{kInternal, "i"}, {"internal", 2, 1005}},
               {{kInternal, "limit"}, {Bytes(kInlineValueBytesMax, 'm'), 4, 1305}}},
      .last_sequence = 7,
      .last_time_ms = 1605};
  EXPECT_TRUE(state() == expected);
  reopen();
  EXPECT_TRUE(state() == expected);
  MemoryStateReader reader(expected);
  EXPECT_EQ(must(hash()), must(hash_state(reader)));
}

TEST_F(StateReaderTest, SeesOneMomentWhateverIsWrittenMeanwhile) {
  for (int i = 0; i < 600; ++i) {
    const Bytes key = "key" + std::to_string(i);
    must(store_->put(i % 2 == 0 ? Space::user : kInternal, key, key));
  }
  const MemoryState before = state();
  const auto reader = must(store_->read_state());
  MemoryState seen{.last_sequence = reader->last_sequence(),
                   .last_time_ms = reader->last_time_ms()};
  clock_.advance_ms(1);
  while (must(reader->next())) {
    // A row that was passed, one to come, one of the other space, and a space that is new.
    const Bytes number = std::to_string(random_.next_u64() % 600);
    must(store_->put(Space::user, "key" + number, "changed"));
    must(store_->remove(kInternal, "key" + number));
    must(store_->put(static_cast<Space>(7), "key" + number, "added"));
    const StateRow& row = reader->row();
    seen.rows[{row.space, Bytes(row.key)}] = {Bytes(must(reader->read_value())), row.revision,
                                              row.time_ms};
  }
  EXPECT_TRUE(seen == before);
}

TEST_F(StateReaderTest, GivesKeysThatAreInRunsAlone) {
  for (int i = 0; i < 1000; ++i) {
    const Bytes key = "key" + std::to_string(i);
    must(store_->put(static_cast<Space>(i % 3 * 100), key, key));
  }
  must(store_->put(Space{UINT32_MAX}, "last", "of all spaces"));
  must(store_->remove(Space{100}, "key1"));
  ASSERT_TRUE(store_->checkpoint().ok());
  must(store_->put(Space::user, "key0", "again"));
  const MemoryState before = state();
  EXPECT_EQ(before.rows.size(), 1000U);
  reopen();
  EXPECT_TRUE(state() == before);
  reopen();
  must(store_->put(Space{200}, "new", "in a tree"));  // the one key of its space that is there
  EXPECT_EQ(state().rows.size(), 1001U);
  ASSERT_TRUE(store_->compact().ok());
  reopen();
  EXPECT_EQ(state().rows.size(), 1001U);
}

// A scan takes locations from the tree some at a time, tombstones among them. One of those may lie
// in a segment that is of no more use, and that goes when the tombstone has gone from the tree.
TEST_F(StateReaderTest, GoesOnWhenTheSegmentOfATombstoneThatItMetIsLetGo) {
  const auto fill = [&] {  // so that segments end
    for (int i = 0; i < 20; ++i) must(store_->put(Space::user, "z", Bytes(10'000, 'z')));
  };
  for (int i = 0; i < 10; ++i) must(store_->put(Space::user, "key" + std::to_string(i), "value"));
  ASSERT_TRUE(store_->checkpoint().ok());
  fill();
  auto early = must(store_->read_state());  // keeps the tombstone in the tree
  must(store_->remove(Space::user, "key5"));
  fill();
  ASSERT_TRUE(store_->checkpoint().ok());
  ASSERT_TRUE(store_->compact().ok());
  must(store_->put(Space::user, "after", "the segments were retired"));
  auto late = must(store_->read_state());
  ASSERT_TRUE(must(late->next()));
  EXPECT_EQ(late->row().key, "after");
  early = nullptr;
  ASSERT_TRUE(store_->checkpoint().ok());
  ASSERT_TRUE(store_->compact().ok());
  EXPECT_EQ(must(read_all(*late)).rows.size(), 10U);  // all but key5, and z
  late = nullptr;
  const std::size_t segments_before = store_->segments().size();
  ASSERT_TRUE(store_->compact().ok());
  EXPECT_LE(store_->segments().size(), segments_before);
  EXPECT_EQ(state().rows.size(), 11U);
}

TEST_F(StateReaderTest, ALargeValueComesInPieces) {
  const Bytes large(5 * kMiB, 'l');
  must(store_->put(Space::user, "large", large));
  const auto reader = must(store_->read_state());
  ASSERT_TRUE(must(reader->next()));
  EXPECT_EQ(reader->row().value_bytes, large.size());
  std::size_t bytes = 0;
  for (;;) {
    const BytesView piece = must(reader->read_value());
    if (piece.empty()) break;
    EXPECT_LE(piece.size(), kInlineValueBytesMax);
    bytes += piece.size();
  }
  EXPECT_EQ(bytes, large.size());
  EXPECT_FALSE(must(reader->next()));
}

TEST_F(StateReaderTest, TheStreamOfAStoreMakesAStoreOfTheSameState) {
  must(store_->put(Space::user, "a", "one"));
  must(store_->commit(Batch().put("b", "two").put("i", "three", kInternal), nullptr));
  must(store_->put(Space::user, "large", Bytes(2 * kMiB, 'l')));
  must(store_->apply(1000, Batch().remove("a")));
  Bytes stream;
  const StateHash written = must(write_state_stream(*must(store_->read_state()), sink_to(stream)));
  EXPECT_EQ(must(hash()), written);
  const MemoryState expected = state();

  CrashFileSystem other;
  const Seams seams{other, clock_, random_, executor_};
  const auto reader = must(StateStreamReader::open(source_of(stream)));
  EXPECT_EQ(must(restore_directory(seams, "/copy", {}, *reader)), written);
  const auto copy = must(EngineStore::open(seams, "/copy", {}));
  EXPECT_TRUE(must(read_all(*must(copy->read_state()))) == expected);
  // Both go on in the same way.
  EXPECT_EQ(must(copy->put(Space::user, "next", "x")), 1001U);
  EXPECT_EQ(must(store_->put(Space::user, "next", "x")), 1001U);
  EXPECT_EQ(must(hash_state(*must(copy->read_state()))), must(hash()));
}

TEST_F(StateReaderTest, AClosedStoreIsNotRead) {
  must(store_->put(Space::user, "a", "one"));
  const auto reader = must(store_->read_state());
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(reader->next().status().code(), Code::invalid_argument);
  EXPECT_EQ(store_->read_state().status().code(), Code::invalid_argument);
}

// Rot while the store is open. What was checked when it was opened is checked again, and no turned
// bit makes another state look like the one that is there.
TEST_F(StateReaderTest, DamageIsReportedAndNeverAnotherHash) {
  must(store_->put(Space::user, "a", "one"));
  must(store_->commit(Batch().put("b", "two").remove("a").put("c", "three", kInternal), nullptr));
  must(store_->put(Space::user, "d", "four"));
  must(store_->remove(Space::user, "d"));
  must(store_->put(Space::user, "e", "five"));
  ASSERT_TRUE(store_->close().ok());
  reopen();
  const StateHash expected = must(hash());
  std::string log;
  std::uint64_t end = 0;
  for (const SegmentInfo& segment : store_->segments()) {
    if (segment.kind != SegmentKind::log) continue;
    log = "/store/" + segment.file;
    end = segment.used_bytes;
  }
  std::uint64_t reported = 0;
  for (std::uint64_t offset = kSegmentHeaderBytes; offset < end; ++offset) {
    for (const unsigned bit : {0U, 3U, 7U}) {
      ASSERT_TRUE(disk_.flip_bit(log, offset, bit).ok());
      const Result<StateHash> found = hash();
      if (found.ok()) {
        EXPECT_EQ(*found, expected) << offset;
      } else {
        EXPECT_EQ(found.status().code(), Code::corruption) << found.status().to_string();
        ++reported;
      }
      ASSERT_TRUE(disk_.flip_bit(log, offset, bit).ok());
    }
  }
  EXPECT_GT(reported, 100U);
  EXPECT_EQ(must(hash()), expected);
}

}  // namespace
}  // namespace talea
