// Every field of Options: what it refuses, by name, and that to change it changes what the store
// does. A field that is added has a test here.
#include <gtest/gtest.h>

#include <csignal>
#include <limits>
#include <map>

#include "base/executor.h"
#include "base/random.h"
#include "engine/engine_store.h"
#include "io/crash_file_system.h"
#include "io/map_guard.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr const char* kPath = "store";

// Remembers at which periods something was to run, and runs it when it is told to.
class RecordingExecutor final : public Executor {
 public:
  Result<std::unique_ptr<Registration>> every(milliseconds period,
                                              std::function<void()> step) override {
    periods.push_back(period);
    return manual_.every(period, std::move(step));
  }
  void step_all() { manual_.step_all(); }

  std::vector<milliseconds> periods;

 private:
  ManualExecutor manual_;
};

// A store on a machine of its own.
struct World {
  Seams seams() { return {disk, clock, random, executor}; }
  Status open(const Options& options) {
    store.reset();
    store = TALEA_TRY(EngineStore::open(seams(), kPath, options));
    return {};
  }
  void must_open(const Options& options) {
    const Status opened = open(options);
    ASSERT_TRUE(opened.ok()) << opened.to_string();
  }
  void put(const Bytes& key, const Bytes& value) {
    const auto put = store->put(Space::user, key, value);
    ASSERT_TRUE(put.ok()) << put.status().to_string();
  }
  // `times` rounds of 100 keys of 10 KB; all rounds but the last are garbage.
  void overwrite(int times) {
    for (int round = 0; round < times; ++round) {
      for (int i = 0; i < 100; ++i) {
        put("key" + std::to_string(i), Bytes(10'000, static_cast<char>('a' + round)));
      }
    }
  }
  // Of 100 keys every fourth stays as overwrite() leaves it, and is copied.
  void compact_three_quarters() {
    overwrite(1);
    for (int i = 0; i < 100; ++i) {
      if (i % 4 != 0) put("key" + std::to_string(i), "small");
    }
    ASSERT_TRUE(store->compact().ok());
  }
  void step_after(std::uint64_t elapsed_ms) {
    clock.advance_ms(elapsed_ms);
    executor.step_all();
    executor.step_all();
  }

  CrashFileSystem disk;
  ManualClock clock;
  SeededRandom random{7};
  RecordingExecutor executor;
  std::unique_ptr<EngineStore> store;
};

Options relaxed() {
  Options options;
  options.sync = SyncMode::never;
  options.segment_bytes = 256 * kKiB;
  return options;
}

// --- Limits --------------------------------------------------------------------------------------

class RefusedOption : public testing::Test {
 protected:
  void expect_refused(const Options& options, BytesView name) {
    SCOPED_TRACE(name);
    World world;
    const Status opened = world.open(options);
    EXPECT_EQ(opened.code(), Code::invalid_argument);
    EXPECT_NE(opened.message().find("Options::" + std::string(name)), BytesView::npos)
        << opened.to_string();
    EXPECT_FALSE(world.disk.exists(kPath).value()) << "something was made";
  }
  void expect_accepted(const Options& options) {
    World world;
    const Status opened = world.open(options);
    EXPECT_TRUE(opened.ok()) << opened.to_string();
  }
  template <typename Field, typename Value>
  void expect_limits(Field Options::*field, BytesView name, std::initializer_list<Value> accepted,
                     std::initializer_list<Value> refused) {
    for (const Value& value : accepted) {
      Options options;
      options.*field = Field(value);
      SCOPED_TRACE(name);
      expect_accepted(options);
    }
    for (const Value& value : refused) {
      Options options;
      options.*field = Field(value);
      expect_refused(options, name);
    }
  }
};

TEST_F(RefusedOption, IsNamedAndNothingIsOpened) {
  expect_limits<SyncMode, SyncMode>(&Options::sync, "sync", {SyncMode::always, SyncMode::never},
                                    {SyncMode{9}});
  expect_limits<milliseconds, int>(&Options::sync_interval, "sync_interval", {1, 60'000},
                                   {-1, 0, 60'001});
  expect_limits<std::uint64_t, std::uint64_t>(&Options::segment_bytes, "segment_bytes",
                                              {kSegmentBytesMin, kSegmentBytesMax},
                                              {0, kSegmentBytesMin - 1, kSegmentBytesMax + 1});
  expect_limits<VerifyReads, VerifyReads>(&Options::verify_reads, "verify_reads",
                                          {VerifyReads::once, VerifyReads::always},
                                          {VerifyReads{9}});
  expect_limits<milliseconds, int>(&Options::compaction_interval, "compaction_interval",
                                   {0, 10, 24 * 3600 * 1000}, {-1, 1, 9, 24 * 3600 * 1000 + 1});
  expect_limits<double, double>(&Options::live_ratio, "live_ratio", {0.05, 0.95},
                                {-1, 0, 0.04, 0.96, std::numeric_limits<double>::quiet_NaN()});
  expect_limits<std::uint64_t, std::uint64_t>(&Options::memory_budget, "memory_budget", {0, kMiB},
                                              {1, kMiB - 1});
  expect_limits<std::uint64_t, std::uint64_t>(&Options::checkpoint_bytes, "checkpoint_bytes",
                                              {0, kMiB}, {1, kMiB - 1});
  expect_limits<std::uint64_t, std::uint64_t>(&Options::compress_from_bytes, "compress_from_bytes",
                                              {0, kCompressFromBytesMin, kMiB},
                                              {1, kCompressFromBytesMin - 1, kMiB + 1});
  expect_limits<std::uint32_t, std::uint32_t>(&Options::worker_threads, "worker_threads", {0, 64},
                                              {65, UINT32_MAX});
}

// --- What each does ------------------------------------------------------------------------------

TEST(Option, CreateIfMissingMakesAStore) {
  World world;
  Options options;
  options.create_if_missing = false;
  EXPECT_EQ(world.open(options).code(), Code::not_found);
  EXPECT_FALSE(world.disk.exists(kPath).value());
  options.create_if_missing = true;
  EXPECT_TRUE(world.open(options).ok());
  EXPECT_TRUE(world.disk.exists(kPath).value());
}

TEST(Option, ReadOnlyWritesNothing) {
  World world;
  world.must_open({});
  world.put("key", "value");
  ASSERT_TRUE(world.store->close().ok());
  Options options;
  options.read_only = true;
  const std::size_t registered = world.executor.periods.size();
  world.disk.set_read_only(true);
  world.must_open(options);
  EXPECT_EQ(world.store->get_value(Space::user, "key").value(), "value");
  EXPECT_EQ(world.store->put(Space::user, "key", "new").status().code(), Code::invalid_argument);
  EXPECT_EQ(world.executor.periods.size(), registered) << "there is nothing to do";
}

TEST(Option, SyncSaysWhenAWriteIsDurable) {
  for (const SyncMode mode : {SyncMode::always, SyncMode::interval, SyncMode::never}) {
    SCOPED_TRACE(sync_mode_name(mode));
    World world;
    Options options;
    options.sync = mode;
    world.must_open(options);
    world.put("key", "value");
    const Stats before = world.store->stats();
    EXPECT_EQ(before.durable_sequence == before.last_sequence, mode == SyncMode::always);
    world.executor.step_all();
    const Stats after = world.store->stats();
    EXPECT_EQ(after.durable_sequence == after.last_sequence, mode != SyncMode::never);
  }
}

TEST(Option, SyncIntervalIsThePeriodOfTheSyncs) {
  for (const int interval : {25, 700}) {
    World world;
    Options options;
    options.sync = SyncMode::interval;
    options.sync_interval = milliseconds(interval);
    world.must_open(options);
    const std::vector<milliseconds>& periods = world.executor.periods;
    EXPECT_EQ(std::count(periods.begin(), periods.end(), milliseconds(interval)), 1);
  }
}

TEST(Option, SegmentBytesIsHowMuchOneTakes) {
  std::map<std::uint64_t, std::uint64_t> segments;
  for (const std::uint64_t bytes : {128 * kKiB, 4 * kMiB}) {
    World world;
    Options options = relaxed();
    options.segment_bytes = bytes;
    world.must_open(options);
    world.overwrite(1);
    segments[bytes] = world.store->stats().segments;
  }
  EXPECT_EQ(segments[128 * kKiB], 9U);  // 12 entries of 10 KB in each
  EXPECT_EQ(segments[4 * kMiB], 1U);
}

TEST(Option, VerifyReadsAlwaysFindsWhatChangedSince) {
  for (const VerifyReads verify : {VerifyReads::once, VerifyReads::always}) {
    World world;
    Options options;
    options.verify_reads = verify;
    world.must_open(options);
    world.put("key", Bytes(1000, 'v'));
    ASSERT_TRUE(world.store->get_value(Space::user, "key").ok());
    std::string segment;
    for (const SegmentInfo& info : world.store->segments()) segment = info.file;
    const std::string path = join_path(kPath, segment);
    const std::uint64_t offset = world.disk.read_file(path).value().find("vvvv") + 500;
    ASSERT_TRUE(world.disk.flip_bit(path, offset, 0).ok());
    const auto read = world.store->get_value(Space::user, "key");
    EXPECT_EQ(read.status().code(), verify == VerifyReads::always ? Code::corruption : Code::ok);
  }
}

// Garbage, but not so much that it is compacted whatever the interval.
std::uint64_t compacted_after(std::uint64_t elapsed_ms, milliseconds interval) {
  World world;
  Options options = relaxed();
  options.compaction_interval = interval;
  options.segment_bytes = 8 * kMiB;
  world.must_open(options);
  world.overwrite(1);
  for (int i = 0; i < 10; ++i) world.put("other" + std::to_string(i), Bytes(100, 'o'));
  EXPECT_TRUE(world.store->checkpoint().ok());
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(world.store->remove(Space::user, "key" + std::to_string(i)).ok());
  }
  world.step_after(elapsed_ms);
  return world.store->stats().compacted_bytes_written;
}

TEST(Option, CompactionIntervalIsHowOftenTheBackgroundLooks) {
  EXPECT_EQ(compacted_after(5'000, milliseconds(60'000)), 0U);
  EXPECT_GT(compacted_after(60'000, milliseconds(60'000)), 0U);
  EXPECT_GT(compacted_after(5'000, milliseconds(1'000)), 0U);
  EXPECT_EQ(compacted_after(24 * 3600 * 1000, milliseconds(0)), 0U);
}

TEST(Option, LiveRatioSaysWhichSegmentsAreCompacted) {
  std::map<double, std::uint64_t> copied;
  for (const double ratio : {0.05, 0.6, 0.95}) {
    World world;
    Options options = relaxed();
    options.live_ratio = ratio;
    world.must_open(options);
    world.overwrite(1);
    // Of each segment a quarter is left.
    for (int i = 0; i < 100; ++i) {
      if (i % 4 != 0) world.put("key" + std::to_string(i), "small");
    }
    ASSERT_TRUE(world.store->compact().ok());
    copied[ratio] = world.store->stats().compacted_bytes_written;
  }
  EXPECT_EQ(copied[0.05], 0U);
  EXPECT_GT(copied[0.6], 200'000U);
  EXPECT_GE(copied[0.95], copied[0.6]);
}

TEST(Option, MemoryBudgetBoundsTheIndex) {
  std::map<std::uint64_t, std::uint64_t> index_bytes;
  for (const std::uint64_t budget : {std::uint64_t{0}, kMiB}) {
    World world;
    Options options = relaxed();
    options.memory_budget = budget;
    world.must_open(options);
    for (int i = 0; i < 60'000; ++i) {
      world.put("key" + std::to_string(i * 7919), "value");
      if (i % 2'000 == 0) world.step_after(100);
    }
    index_bytes[budget] = world.store->stats().index_bytes;
    EXPECT_EQ(world.store->get_value(Space::user, "key7919").value(), "value");
  }
  EXPECT_LT(index_bytes[kMiB], index_bytes[0]);
}

TEST(Option, CheckpointBytesIsTheLogThatMayGrow) {
  std::map<std::uint64_t, std::uint64_t> checkpoints;
  for (const std::uint64_t bytes : {std::uint64_t{0}, kMiB, 64 * kMiB}) {
    World world;
    Options options = relaxed();
    options.checkpoint_bytes = bytes;
    world.must_open(options);
    world.overwrite(2);
    world.executor.step_all();
    checkpoints[bytes] = world.store->stats().checkpoints;
  }
  EXPECT_EQ(checkpoints[0], 0U);
  EXPECT_EQ(checkpoints[kMiB], 1U);
  EXPECT_EQ(checkpoints[64 * kMiB], 0U);
}

TEST(Option, CheckpointBytesIsWhatAnOpenReplaysAnEighthOfAfterAClose) {
  for (const bool closes : {true, false}) {
    for (const std::uint64_t bytes : {std::uint64_t{0}, kMiB, 64 * kMiB}) {
      SCOPED_TRACE(bytes);
      World world;
      Options options = relaxed();
      options.checkpoint_bytes = bytes;
      world.must_open(options);
      world.overwrite(2);  // 2 MB
      if (closes) {
        ASSERT_TRUE(world.store->close().ok());
      }
      world.must_open(options);
      const bool replays_all = !closes || bytes != kMiB;
      EXPECT_EQ(world.store->recovery().batches_replayed, replays_all ? 200U : 0U);
      EXPECT_EQ(world.store->get_value(Space::user, "key7").value(), Bytes(10'000, 'b'));
    }
  }
}

// What keeps the checkpoint from being written costs time, and no more.
TEST(Option, CheckpointAtCloseMayFail) {
  for (std::uint64_t call = 1;; ++call) {
    World world;
    Options options = relaxed();
    options.checkpoint_bytes = kMiB;
    world.must_open(options);
    world.overwrite(2);
    world.disk.fail_at(call, CrashFileSystem::Fault::io_error);
    const Status closed = world.store->close();
    const bool is_over = world.disk.faults_fired() == 0;
    world.disk.clear_faults();
    world.must_open(options);
    EXPECT_EQ(world.store->get_value(Space::user, "key7").value(), Bytes(10'000, 'b'));
    EXPECT_EQ(world.store->stats().keys, 100U);
    if (is_over) {
      EXPECT_TRUE(closed.ok()) << closed.to_string();
      return;
    }
  }
}

TEST(Option, CheckpointAfterCompactionGivesTheSpaceBackAtOnce) {
  std::map<bool, std::uint64_t> disk_bytes;
  for (const bool checkpoint : {true, false}) {
    World world;
    Options options = relaxed();
    options.checkpoint_after_compaction = checkpoint;
    options.checkpoint_bytes = 0;
    world.must_open(options);
    world.compact_three_quarters();
    Stats stats = world.store->stats();
    EXPECT_EQ(stats.checkpoints > 0, checkpoint);
    EXPECT_GT(stats.compacted_bytes_written, 0U);
    disk_bytes[checkpoint] = stats.disk_bytes;
    // What was copied once is not copied again, and all is there.
    ASSERT_TRUE(world.store->compact().ok());
    EXPECT_EQ(world.store->stats().compacted_bytes_written, stats.compacted_bytes_written);
    EXPECT_EQ(world.store->get_value(Space::user, "key4").value(), Bytes(10'000, 'a'));
    EXPECT_EQ(world.store->get_value(Space::user, "key5").value(), "small");
    if (!checkpoint) {
      ASSERT_TRUE(world.store->checkpoint().ok());
      stats = world.store->stats();
      EXPECT_LT(stats.disk_bytes, disk_bytes[false] / 2);
    }
    // Also after a power cut, which forgets copies that no checkpoint has named.
    ASSERT_TRUE(world.store->close().ok());
    world.store.reset();
    world.disk.power_cut_losing_everything_unsynced();
    world.must_open(options);
    EXPECT_EQ(world.store->get_value(Space::user, "key4").value(), Bytes(10'000, 'a'));
  }
  EXPECT_LT(disk_bytes[true], disk_bytes[false] / 2);
}

TEST(Option, WithoutTheCheckpointAPowerCutForgetsTheCopiesAndNothingElse) {
  World world;
  Options options = relaxed();
  options.checkpoint_after_compaction = false;
  options.checkpoint_bytes = 0;
  world.must_open(options);
  world.compact_three_quarters();
  ASSERT_TRUE(world.store->sync().ok());
  world.store.reset();
  world.disk.power_cut_losing_everything_unsynced();
  world.must_open(options);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(world.store->get_value(Space::user, "key" + std::to_string(i)).value(),
              i % 4 == 0 ? Bytes(10'000, 'a') : Bytes("small"));
  }
}

TEST(Option, WithoutWorkersWritersDoTheWorkOfTheBackground) {
  for (const std::uint32_t workers : {0U, 1U}) {
    World world;
    Options options;
    options.worker_threads = workers;
    options.sync = SyncMode::interval;
    options.segment_bytes = 256 * kKiB;
    options.checkpoint_bytes = kMiB;
    world.must_open(options);
    EXPECT_EQ(world.executor.periods.size(), workers == 0 ? 0U : 3U);
    world.overwrite(2);
    world.clock.advance_ms(1000);
    EXPECT_EQ(world.store->stats().checkpoints, 0U);
    world.put("one more", "value");  // and with it what is due
    const Stats stats = world.store->stats();
    EXPECT_EQ(stats.checkpoints, workers == 0 ? 1U : 0U);
    EXPECT_EQ(stats.durable_sequence == stats.last_sequence, workers == 0);
    world.executor.step_all();
    EXPECT_EQ(world.store->stats().checkpoints, 1U);
    EXPECT_TRUE(world.store->close().ok());
  }
}

// Beyond these, threads would have nothing to do: sync, space ahead of the log, and the rest.
TEST(Option, WorkerThreadsIsHowManyThereAre) {
  for (const std::uint32_t workers : {0U, 1U, 2U, 3U, 64U}) {
    World world;
    Options options;
    options.worker_threads = workers;
    options.sync = SyncMode::interval;
    ThreadExecutor executor(std::max(workers, 1U));
    SystemClock clock;
    const Seams seams{world.disk, clock, world.random, executor};
    const auto store = EngineStore::open(seams, kPath, options).value();
    EXPECT_EQ(executor.threads(), std::min(workers, 3U));
    EXPECT_TRUE(store->put(Space::user, "key", "value").ok());
    EXPECT_TRUE(store->close().ok());
    EXPECT_EQ(executor.threads(), 0U);
  }
}

TEST(Option, ChangesBytesKeepsLogThatNobodyElseNeeds) {
  for (const std::uint64_t kept : {0U, 2'000'000U}) {
    World world;
    Options options;
    options.changes_bytes = kept;
    options.sync = SyncMode::never;
    options.segment_bytes = 256 * kKiB;
    world.must_open(options);
    world.overwrite(3);
    ASSERT_TRUE(world.store->compact().ok());
    ASSERT_TRUE(world.store->compact().ok());
    ChangeReader changes = world.store->changes(Space::user, 150, {}).value();
    EXPECT_EQ(changes.next().ok(), kept > 0) << kept;
  }
}

TEST(Option, CompressFromBytesSaysWhichValuesAreCompressed) {
  for (const std::uint64_t from : {0U, 100U, 101U}) {
    World world;
    Options options;
    options.compress_from_bytes = from;
    world.must_open(options);
    world.put("key", Bytes(100, 'a'));
    EXPECT_EQ(world.store->stats().values_compressed, from == 100 ? 1U : 0U) << from;
  }
}

TEST(Option, GuardMapsInstallsTheHandler) {
  const bool installed_before = MapGuard::installed();
  World world;
  world.must_open({});
  EXPECT_EQ(MapGuard::installed(), installed_before);
  Options options;
  options.guard_maps = true;
  world.must_open(options);
  EXPECT_TRUE(MapGuard::installed());
}

}  // namespace
}  // namespace talea
