// The two ways to the rows of a checkpoint find the same ones, and damage is told apart from a key
// that is absent.
#include "engine/changed_rows.h"

#include <gtest/gtest.h>

#include "index/run_testing.h"
#include "log/log_testing.h"

namespace talea {
namespace {

class ChangedRowsTest : public testing::Test {
 protected:
  struct Row {
    Space space;
    Bytes key;
    Sequence sequence;
    bool is_remove;
    bool operator==(const Row&) const = default;
  };

  // A full segment of the log with these batches, all published.
  void add_segment(std::uint32_t id, const std::vector<TestBatch>& batches,
                   std::optional<Sequence> follows = {}) {
    SegmentHeader header = test_header(id, id);
    header.first_sequence = sequence_;
    const SegmentContext context(header);
    auto disk = std::make_shared<testing_run::Disk>();
    disk->bytes = encode_segment_header(header);
    const Sequence before = sequence_;
    std::vector<std::vector<EntryExtent>> places(batches.size());
    std::uint64_t entries = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const RecordPlace place{.sequence = ++sequence_,
                              .now = header.base_now,
                              .offset = disk->bytes.size(),
                              .follows = i == 0 ? follows : std::nullopt};
      disk->bytes += batches[i].at(place, context, &places[i]);
      entries += batches[i].operations.size();
    }
    auto segment =
        std::make_shared<Segment>(header, std::make_unique<testing_run::MemoryFile>(disk));
    ASSERT_TRUE(segment->map(disk->bytes.size()).ok());
    segment->set_sealed(disk->bytes.size());
    SegmentState& state =
        live_.add_segment(std::move(segment), {.end = disk->bytes.size(), .entries = entries});
    disks_[id] = disk;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      std::vector<LiveState::Change> changes;
      for (std::size_t k = 0; k < batches[i].operations.size(); ++k) {
        const TestBatch::Operation& operation = batches[i].operations[k];
        changes.push_back({.space = operation.space,
                           .key = operation.key,
                           .is_remove = operation.is_remove,
                           .place = places[i][k]});
      }
      live_.publish(changes, state, before + i + 1);
    }
  }

  ChangedRows rows(Sequence at, std::uint32_t from, std::uint32_t to) {
    return ChangedRows({.live = live_, .at = at, .from = from, .to = to, .check_running = [] {
                          return Status();
                        }});
  }
  static LiveState::VisitEntry into(std::vector<Row>& out) {
    return [&out](const LiveState::Found& found) -> Status {
      out.push_back({Space{found.entry.space}, Bytes(found.entry.key), found.sequence(),
                     found.entry.is_remove()});
      return {};
    };
  }
  // Flips a bit of the first `key` in a segment.
  void damage(std::uint32_t segment, BytesView key) {
    Bytes& bytes = disks_[segment]->bytes;
    const std::size_t at = bytes.find(key, kSegmentHeaderBytes);
    ASSERT_NE(at, Bytes::npos);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
  }

  LiveState live_;
  Sequence sequence_ = 1000;
  std::map<std::uint32_t, std::shared_ptr<testing_run::Disk>> disks_;
};

std::vector<TestBatch> random_batches(Random& random, std::size_t count) {
  const char* const heads[] = {"", "user", "user/with/a/long/head/", "\xff"};
  std::vector<TestBatch> batches(count);
  for (TestBatch& batch : batches) {
    for (std::uint64_t i = 0; i <= below(random, 6); ++i) {
      TestBatch::Operation operation;
      operation.space = static_cast<Space>(below(random, 10) == 0 ? 7 : 0);
      operation.key = heads[below(random, 4)] + Bytes(below(random, 3), '\0') +
                      std::to_string(below(random, 80));
      operation.is_remove = below(random, 4) == 0;
      if (!operation.is_remove) operation.value = random_bytes(random, below(random, 40));
      batch.operations.push_back(std::move(operation));
    }
  }
  return batches;
}

class ChangedRowsSeed : public ChangedRowsTest, public testing::WithParamInterface<int> {};

TEST_P(ChangedRowsSeed, AreTheSameByKeysAndByEntries) {
  SeededRandom random(static_cast<std::uint64_t>(GetParam()));
  add_segment(10, random_batches(random, 60));
  const SnapshotRegistry::Pin old = live_.pin();
  add_segment(20, random_batches(random, 20));
  add_segment(21, random_batches(random, 20));
  const SnapshotRegistry::Pin pin = live_.pin();
  add_segment(30, random_batches(random, 40));

  for (const std::uint32_t from : {0U, 20U, 21U}) {
    ChangedRows changed = rows(pin.sequence(), from, 30);
    std::vector<Row> by_keys;
    std::vector<Row> by_entries;
    ASSERT_TRUE(changed.visit_by_keys(into(by_keys)).ok());
    ASSERT_TRUE(changed.visit_by_entries(into(by_entries)).ok());
    ASSERT_FALSE(by_keys.empty());
    EXPECT_EQ(by_keys, by_entries) << "from " << from;
    EXPECT_GE(changed.entries(), by_keys.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChangedRowsSeed, testing::Range(1, 41));

TEST_F(ChangedRowsTest, AreThoseOfTheBatchAndNotOfLaterOnes) {
  add_segment(10, {TestBatch().put("kept", "1").put("removed", "1").put("later", "1")});
  const SnapshotRegistry::Pin keeps_tombstones = live_.pin();
  add_segment(20, {TestBatch().put("later", "2").remove("removed"), TestBatch().put("new", "3"),
                   TestBatch().put("twice", "4").put("twice", "5")});
  const SnapshotRegistry::Pin pin = live_.pin();
  add_segment(30, {TestBatch().put("later", "9").remove("new").put("unborn", "9")});
  std::vector<Row> found;
  ASSERT_TRUE(rows(pin.sequence(), 20, 30).visit_by_entries(into(found)).ok());
  const std::vector<Row> expected = {{Space::user, "later", 1002, false},
                                     {Space::user, "new", 1003, false},
                                     {Space::user, "removed", 1002, true},
                                     {Space::user, "twice", 1004, false}};
  EXPECT_EQ(found, expected);
}

TEST_F(ChangedRowsTest, DamageToWhatIsOfNoUseIsNoLoss) {
  std::vector<TestBatch> many;
  many.reserve(100);
  for (int i = 0; i < 100; ++i) many.push_back(TestBatch().put("old" + std::to_string(i), "1"));
  add_segment(10, many);
  add_segment(20, {TestBatch().put("one-key", "2"), TestBatch().put("one-key", "3")});
  const SnapshotRegistry::Pin pin = live_.pin();
  damage(20, "one-key");
  ChangedRows changed = rows(pin.sequence(), 20, 30);
  std::vector<Row> found;
  EXPECT_EQ(changed.visit_by_entries(into(found)).code(), Code::corruption);
  EXPECT_TRUE(found.empty());
  ASSERT_TRUE(changed.visit(into(found)).ok());
  EXPECT_EQ(found, (std::vector<Row>{{Space::user, "one-key", 1102, false}}));
}

// Behind its one batch stand the bytes that say what it follows, and no entry.
TEST_F(ChangedRowsTest, ASegmentOfOneBatchThatFollowsIsIntact) {
  add_segment(10, {TestBatch().put("old", "1")});
  add_segment(20, {TestBatch().put("a", "2").put("b", "3")}, sequence_);
  add_segment(21, {TestBatch().put("a", "4").put("c", "5"), TestBatch().put("d", "6")}, sequence_);
  const SnapshotRegistry::Pin pin = live_.pin();
  std::vector<Row> found;
  const Status visited = rows(pin.sequence(), 20, 30).visit_by_entries(into(found));
  EXPECT_TRUE(visited.ok()) << visited.to_string();
  const std::vector<Row> expected = {{Space::user, "a", 1003, false},
                                     {Space::user, "b", 1002, false},
                                     {Space::user, "c", 1003, false},
                                     {Space::user, "d", 1004, false}};
  EXPECT_EQ(found, expected);
}

TEST_F(ChangedRowsTest, DamageToWhatIsNeededIsCorruption) {
  std::vector<TestBatch> many;
  many.reserve(100);
  for (int i = 0; i < 100; ++i) many.push_back(TestBatch().put("old" + std::to_string(i), "1"));
  add_segment(10, many);
  add_segment(20, {TestBatch().put("one-key", "2")});
  const SnapshotRegistry::Pin pin = live_.pin();
  damage(20, "one-key");
  std::vector<Row> found;
  EXPECT_EQ(rows(pin.sequence(), 20, 30).visit(into(found)).code(), Code::corruption);
  EXPECT_TRUE(found.empty());
}

// The row as of the checkpoint is intact, but whether it is one only the damaged entry could tell.
TEST_F(ChangedRowsTest, DamageToALaterEntryIsCorruptionAndNotAnAbsentKey) {
  add_segment(20, {TestBatch().put("one-key", "2")});
  const SnapshotRegistry::Pin pin = live_.pin();
  add_segment(30, {TestBatch().put("one-key", "3")});
  damage(30, "one-key");
  std::vector<Row> found;
  EXPECT_EQ(rows(pin.sequence(), 20, 30).visit_by_entries(into(found)).code(), Code::corruption);
}

}  // namespace
}  // namespace talea
