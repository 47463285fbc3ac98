// Opening for writing makes the first log segment of the session, before anybody writes. A store
// that is only opened must be none the worse for it: whatever fails then, however often it is
// opened and killed, and whatever the clock does before the first put.
#include <gtest/gtest.h>

#include <algorithm>

#include "log/segment_header.h"
#include "manifest/manifest.h"
#include "tests/support/crash_world.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

constexpr std::uint64_t kCallsMax = 200;  // more than an open makes

Options options_of(SyncMode mode) {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.sync = mode;
  options.checkpoint_bytes = 0;
  options.compaction_interval = std::chrono::milliseconds(0);
  return options;
}

std::vector<std::string> log_files(const CrashWorld& world) {
  std::vector<std::string> names = world.disk->list(CrashWorld::kPath).value();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
  return names;
}

std::size_t open_logs(const CrashWorld& world) {
  const Manifest manifest = read_manifest(*world.disk, CrashWorld::kPath).value();
  return static_cast<std::size_t>(
      std::ranges::count_if(manifest.files, [](const ManifestFile& file) { return !file.sealed; }));
}

class FirstSegment : public testing::TestWithParam<SyncMode> {
 protected:
  Options options() const { return options_of(GetParam()); }
  // A store with one batch, closed.
  void make_store(CrashWorld& world) const {
    auto store = world.open(options()).value();
    ASSERT_TRUE(store->put(Space::user, "old", "v").ok());
    ASSERT_TRUE(store->close().ok());
  }
};

// What goes wrong while it is made is no failure of a put that comes when all is well again.
TEST_P(FirstSegment, IsNoConcernOfAPutWhenMakingItFailed) {
  std::uint64_t opened = 0;
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::sync_fails}) {
    for (std::uint64_t call = 1; call < kCallsMax; ++call) {
      SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + " at call " +
                   std::to_string(call));
      CrashWorld world;
      make_store(world);
      world.disk->fail_at(call, fault);
      auto store = world.open(options());
      if (world.disk->faults_fired() == 0) break;
      world.disk->clear_faults();
      if (!store.ok()) continue;
      ++opened;
      const auto put = (*store)->put(Space::user, "new", "v");
      ASSERT_TRUE(put.ok()) << put.status().to_string();
      ASSERT_TRUE((*store)->close().ok());
      store->reset();
      EXPECT_EQ(log_files(world).size(), 2U);
      auto again = world.open(options()).value();
      EXPECT_EQ(contents_of(*again).value(), (Model{{"new", "v"}, {"old", "v"}}));
    }
  }
  EXPECT_GT(opened, 10U);
}

// The power fails during each call of an open, and during each of the open after that.
TEST_P(FirstSegment, LosesNothingWhenThePowerFailsDuringTwoOpens) {
  const auto open_and_crash = [&](CrashWorld& world, std::uint64_t call) {
    world.disk->fail_at(call, Fault::crash);
    (void)world.open(options()).ok();
    return world.disk->crashed();
  };
  std::uint64_t crashes = 0;
  for (std::uint64_t first = 1; first < kCallsMax; ++first) {
    CrashWorld world;
    make_store(world);
    if (!open_and_crash(world, first)) break;
    for (std::uint64_t second = 1; second < kCallsMax; ++second) {
      SCOPED_TRACE("calls " + std::to_string(first) + " and " + std::to_string(second));
      CrashWorld after = world.clone();
      after.disk->power_cut(first * kCallsMax + second);
      const bool crashed = open_and_crash(after, second);
      after.disk->clear_faults();
      after.disk->power_cut(second);
      ++crashes;
      auto store = after.open(options());
      ASSERT_TRUE(store.ok()) << store.status().to_string();
      EXPECT_EQ(contents_of(**store).value(), (Model{{"old", "v"}}));
      EXPECT_LE(log_files(after).size(), 2U);
      ASSERT_TRUE((*store)->close().ok());
      EXPECT_EQ(log_files(after).size(), 1U);
      EXPECT_EQ(open_logs(after), 0U);
      if (!crashed) break;
    }
  }
  EXPECT_GT(crashes, 50U);
}

TEST_P(FirstSegment, OfThousandSessionsThatWereKilledLeavesOne) {
  CrashWorld world;
  make_store(world);
  for (int session = 0; session < 1000; ++session) {
    auto store = world.open(options());
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    ASSERT_LE(log_files(world).size(), 2U);
    ASSERT_LE(open_logs(world), 1U);
    world.disk->kill_process();
  }
  auto store = world.open(options()).value();
  EXPECT_EQ(contents_of(*store).value(), (Model{{"old", "v"}}));
  EXPECT_EQ(store->stats().last_sequence, 1U);
  ASSERT_TRUE(store->close().ok());
  EXPECT_EQ(log_files(world).size(), 1U);
  EXPECT_LT(read_manifest(*world.disk, CrashWorld::kPath)->next_file_id, 1100U);
}

// Nothing was written, so nothing can be lost: the file and its name are for the next open.
TEST_P(FirstSegment, IsNoReasonForACloseToFailOnAFullDisk) {
  CrashWorld world;
  make_store(world);
  auto store = world.open(options()).value();
  world.disk->set_capacity(0);
  EXPECT_EQ(contents_of(*store).value(), (Model{{"old", "v"}}));
  const Status closed = store->close();
  EXPECT_TRUE(closed.ok()) << closed.to_string();
  store.reset();
  world.disk->set_capacity(CrashFileSystem::kUnlimited);
  store = world.open(options()).value();
  EXPECT_EQ(store->recovery().bytes_dropped, 0U);
  EXPECT_EQ(contents_of(*store).value(), (Model{{"old", "v"}}));
  ASSERT_TRUE(store->close().ok());
  EXPECT_EQ(log_files(world).size(), 1U);
}

TEST_P(FirstSegment, GoesWithACheckpointBeforeTheFirstPut) {
  CrashWorld world;
  make_store(world);
  auto store = world.open(options()).value();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store->checkpoint().ok());
  EXPECT_EQ(open_logs(world), 0U);
  const std::uint32_t next = read_manifest(*world.disk, CrashWorld::kPath)->next_file_id;
  ASSERT_TRUE(store->checkpoint().ok());
  EXPECT_EQ(read_manifest(*world.disk, CrashWorld::kPath)->next_file_id, next);
  ASSERT_TRUE(store->put(Space::user, "new", "v").ok());
  ASSERT_TRUE(store->checkpoint().ok());
  ASSERT_TRUE(store->put(Space::user, "newer", "v").ok());
  world.disk->kill_process();
  store.reset();
  store = world.open(options()).value();
  EXPECT_EQ(contents_of(*store).value(), (Model{{"new", "v"}, {"newer", "v"}, {"old", "v"}}));
}

TEST_P(FirstSegment, IsMadeAgainWhenTheClockGoesBackBeforeTheFirstPut) {
  CrashWorld world;
  auto store = world.open(options()).value();
  world.clock->set_wall_ms(world.clock->wall_ms() - 3'600'000);
  ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
  EXPECT_EQ(open_logs(world), 1U);
  EXPECT_EQ(log_files(world).size(), 1U);
  world.disk->kill_process();
  store.reset();
  store = world.open(options()).value();
  EXPECT_EQ(contents_of(*store).value(), (Model{{"k", "v"}}));
}

INSTANTIATE_TEST_SUITE_P(Modes, FirstSegment, testing::Values(SyncMode::always, SyncMode::never),
                         [](const auto& mode) {
                           return mode.param == SyncMode::always ? "always" : "never";
                         });

}  // namespace
}  // namespace talea
