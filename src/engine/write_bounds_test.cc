// How far writers may be ahead of snapshots and of compaction: the bounds alone, and through the
// store, with small ones.
#include "engine/write_bounds.h"

#include <gtest/gtest.h>

#include "base/executor.h"
#include "base/random.h"
#include "engine/engine_store.h"
#include "io/crash_file_system.h"

namespace talea {
namespace {

using Bound = WriteBounds::Bound;
constexpr WriteBounds::Bounds kUndo = WriteBounds::set_of(Bound::undo);
constexpr WriteBounds::Bounds kGarbage = WriteBounds::set_of(Bound::garbage);

TEST(WriteBounds, AreOpenUntilOneIsReached) {
  ManualClock clock;
  WriteBounds bounds(clock, {});
  EXPECT_TRUE(bounds.is_open());
  bounds.reached(Bound::undo, false);
  EXPECT_TRUE(bounds.is_open());
  bounds.reached(Bound::undo, true);
  EXPECT_FALSE(bounds.is_open());
  EXPECT_TRUE(bounds.is_reached(kUndo));
  EXPECT_FALSE(bounds.is_reached(kGarbage));
  bounds.reached(Bound::garbage, true);
  bounds.reached(Bound::undo, false);
  EXPECT_TRUE(bounds.is_reached(kUndo | kGarbage));
  EXPECT_FALSE(bounds.is_reached(kUndo));
  bounds.reached(Bound::garbage, false);
  EXPECT_TRUE(bounds.is_open());
}

TEST(WriteBounds, WhoWaitsGoesOnWhenHisHelpWasEnough) {
  ManualClock clock;
  WriteBounds bounds(clock, {});
  bounds.reached(Bound::undo, true);
  bounds.reached(Bound::garbage, true);
  int helped = 0;
  EXPECT_TRUE(bounds.wait_for(kUndo, [&] {
    EXPECT_EQ(bounds.waiting(), 1U);
    if (++helped == 3) bounds.reached(Bound::undo, false);
  }));
  EXPECT_EQ(helped, 3);
  EXPECT_EQ(bounds.waiting(), 0U);
}

TEST(WriteBounds, WhoWaitsGivesUpWhenTheTimeIsOver) {
  ManualClock clock;
  WriteBounds bounds(clock, {.wait = std::chrono::milliseconds(100)});
  bounds.reached(Bound::garbage, true);
  int helped = 0;
  EXPECT_FALSE(bounds.wait_for(kGarbage, [&] {
    ++helped;
    clock.advance_ms(40);
  }));
  EXPECT_EQ(helped, 3);
  EXPECT_EQ(bounds.waiting(), 0U);
}

// --- Through the store ---------------------------------------------------------------------------

class BoundedStore : public testing::Test {
 protected:
  BoundedStore() {
    options_.sync = SyncMode::never;
    options_.segment_bytes = 64 * kKiB;
    options_.worker_threads = 0;  // a writer does what helps, and does not wait
  }
  void open(const WriteBounds::Limits& limits) {
    store_.reset();
    auto opened = EngineStore::open({disk_, clock_, random_, executor_}, "store", options_, limits);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
  }
  Status put(int number, const Bytes& value) {
    return store_->put(Space::user, "key" + std::to_string(number), value).status();
  }
  Status remove(int number) {
    return store_->remove(Space::user, "key" + std::to_string(number)).status();
  }
  // Overwrites ten keys until it is refused; how often it was not.
  int overwrite(const Bytes& value, int times_max, Status& refused) {
    for (int i = 0; i < times_max; ++i) {
      refused = put(i % 10, value);
      if (!refused.ok()) return i;
    }
    return times_max;
  }
  static void expect_tells(const Status& refused, std::initializer_list<BytesView> parts) {
    EXPECT_EQ(refused.code(), Code::exhausted);
    for (const BytesView part : parts) {
      EXPECT_NE(refused.message().find(part), BytesView::npos) << refused.to_string();
    }
  }

  CrashFileSystem disk_;
  ManualClock clock_;
  SeededRandom random_{42};
  ManualExecutor executor_;
  Options options_;
  std::unique_ptr<EngineStore> store_;
};

TEST_F(BoundedStore, AForgottenSnapshotStopsWritersAtTheLimitOfOverwrites) {
  open({.undo_changes = 1000});
  Status refused;
  EXPECT_EQ(overwrite("value", 5000, refused), 5000) << refused.to_string();  // nobody looks back
  std::optional<Snapshot> snapshot = store_->snapshot().value();
  EXPECT_EQ(overwrite("newer", 5000, refused), 1000);
  expect_tells(refused, {"1000 overwrites", "the limit is 1000", "sequence 5000",
                         "the store is at 6000", "end it"});
  // In every other way of writing as well.
  expect_tells(remove(1), {"the limit is 1000"});
  expect_tells(store_->commit(Batch().remove("key1"), nullptr).status(), {"the limit is 1000"});
  expect_tells(store_->apply(100'000, Batch().put("key1", "v")).status(), {"the limit is 1000"});
  EXPECT_EQ(store_->stats().batches_rejected, 4U);
  EXPECT_EQ(snapshot->get("key1").value(), "value");
  snapshot.reset();
  EXPECT_EQ(overwrite("newest", 5000, refused), 5000) << refused.to_string();
}

TEST_F(BoundedStore, AScanHoldsThemLikeASnapshot) {
  open({.undo_changes = 100});
  Status refused;
  EXPECT_EQ(overwrite("value", 10, refused), 10);
  {
    Scan scan = store_->scan(Space::user, {}).value();
    ASSERT_TRUE(scan.next().value());
    EXPECT_EQ(overwrite("newer", 1000, refused), 100);
  }
  EXPECT_EQ(overwrite("newest", 1000, refused), 1000) << refused.to_string();
}

TEST_F(BoundedStore, GarbageThatASnapshotHoldsStopsWritersAtItsLimit) {
  open({.garbage_bytes = kMiB});
  Status refused;
  const Bytes value(10'000, 'v');
  // Compaction keeps up.
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(put(i % 10, value).ok());
    clock_.advance_ms(20);
  }
  std::optional<Snapshot> snapshot = store_->snapshot().value();
  for (int i = 0; refused.ok() && i < 1000; ++i) {
    clock_.advance_ms(20);
    refused = put(i % 10, value);
  }
  expect_tells(refused, {"bytes of garbage", "the limit is 1048576", "oldest snapshot", "end it"});
  // Who removes is on the way out.
  EXPECT_TRUE(remove(3).ok());
  EXPECT_TRUE(store_->commit(Batch().remove("key4").remove("key5"), nullptr).ok());
  snapshot.reset();
  EXPECT_TRUE(put(3, value).ok());
  EXPECT_LT(store_->stats().disk_bytes, kMiB);
}

TEST_F(BoundedStore, GarbageHasNoLimitWhereTheBackgroundGivesNothingBack) {
  for (const bool compacts : {false, true}) {
    SCOPED_TRACE(compacts);
    options_.compaction_interval = std::chrono::milliseconds(compacts ? 60'000 : 0);
    options_.checkpoint_after_compaction = !compacts;
    options_.checkpoint_bytes = 0;
    open({.garbage_bytes = kMiB});
    const Bytes value(10'000, 'v');
    for (int i = 0; i < 500; ++i) {
      clock_.advance_ms(20);
      const Status written = put(i % 10, value);
      ASSERT_TRUE(written.ok()) << i << ": " << written.to_string();
    }
    EXPECT_GT(store_->stats().disk_bytes, 4 * kMiB);
    ASSERT_TRUE(store_->compact().ok());
    ASSERT_TRUE(store_->checkpoint().ok());
    EXPECT_LT(store_->stats().disk_bytes, kMiB);
    ASSERT_TRUE(store_->close().ok());
  }
}

TEST_F(BoundedStore, WhyTheBackgroundFailedIsInTheRefusal) {
  open({.garbage_bytes = kMiB});
  const Bytes value(10'000, 'v');
  ASSERT_TRUE(put(1, value).ok());
  Status refused;
  disk_.count_reads(false);
  for (int i = 0; refused.ok() && i < 1000; ++i) {
    refused = put(i % 10, value);
    if (i % 20 != 19) continue;
    // The step that comes with the next put meets a disk without room.
    disk_.set_capacity(0);
    clock_.advance_ms(2000);
    store_->maintain();
    disk_.set_capacity(CrashFileSystem::kUnlimited);
  }
  expect_tells(refused, {"bytes of garbage", "The background failed", "no space left"});
}

}  // namespace
}  // namespace talea
