// Checkpoints, compaction and the memory budget, through the store, on a disk in memory.
#include "engine/maintenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "engine/run_layers.h"
#include "engine/store_testing.h"
#include "tests/support/forwarding_file_system.h"

namespace talea {
namespace {

using Model = std::map<Bytes, Bytes>;

class MaintenanceTest : public StoreTest {
 protected:
  void put(const Bytes& key, const Bytes& value) {
    const auto put = store_->put(Space::user, key, value);
    ASSERT_TRUE(put.ok()) << put.status().to_string();
    model_[key] = value;
  }
  void remove(const Bytes& key) {
    ASSERT_TRUE(store_->remove(Space::user, key).ok());
    model_.erase(key);
  }
  static Bytes key_of(std::uint64_t number) {
    return "key" + std::to_string(number * 7919 % 100'003);
  }

  void expect_model(const Model& model, Scan scan) {
    auto expected = model.begin();
    while (scan.next().value()) {
      ASSERT_NE(expected, model.end()) << scan.key();
      ASSERT_EQ(scan.key(), expected->first);
      ASSERT_EQ(scan.value().value(), expected->second);
      ++expected;
    }
    ASSERT_EQ(expected, model.end());
  }
  void expect_model() {
    ASSERT_EQ(store_->stats().keys, model_.size());
    for (const auto& [key, value] : model_) {
      const auto got = store_->get_value(Space::user, key);
      ASSERT_TRUE(got.ok()) << got.status().to_string();
      ASSERT_TRUE(got->has_value()) << key;
      ASSERT_EQ(**got, value) << key;
    }
    ASSERT_FALSE(store_->get_value(Space::user, "absent").value().has_value());
    expect_model(model_, store_->scan(Space::user, {}).value());
    Scan backward = store_->scan(Space::user, {.reverse = true}).value();
    for (auto row = model_.rbegin(); row != model_.rend(); ++row) {
      ASSERT_TRUE(backward.next().value());
      ASSERT_EQ(backward.key(), row->first);
    }
    ASSERT_FALSE(backward.next().value());
  }
  void expect_clean() {
    const VerifyReport report = verify_directory(seams(), kPath, {}).value();
    for (const Finding& finding : report.findings) {
      ADD_FAILURE() << finding.file << " at " << finding.offset << ": " << finding.problem;
    }
    EXPECT_EQ(report.keys, model_.size());
  }

  Model model_;
};

TEST_F(MaintenanceTest, AStoreOpensFromItsCheckpoint) {
  open();
  for (std::uint64_t i = 0; i < 2000; ++i) put(key_of(i), "value" + std::to_string(i));
  ASSERT_TRUE(store_->checkpoint().ok());
  for (std::uint64_t i = 0; i < 100; ++i) put(key_of(i * 3), "newer" + std::to_string(i));
  for (std::uint64_t i = 0; i < 100; ++i) remove(key_of(i * 5));
  put("after", "the checkpoint");
  reopen();
  EXPECT_EQ(store_->recovery().batches_replayed, 201U);
  expect_model();
  close();
  expect_clean();
}

TEST_F(MaintenanceTest, WarmingUpEndsTheNeedForRuns) {
  open();
  for (std::uint64_t i = 0; i < 3000; ++i) put(key_of(i), "value" + std::to_string(i));
  ASSERT_TRUE(store_->checkpoint().ok());
  reopen();
  for (int i = 0; i < 4; ++i) executor_.step_all();
  for (std::uint64_t i = 0; i < 200; ++i) remove(key_of(i));
  expect_model();
  // What was removed stays so, although older runs have it.
  ASSERT_TRUE(store_->checkpoint().ok());
  reopen();
  expect_model();
  close();
  expect_clean();
}

TEST_F(MaintenanceTest, CompactionGivesSpaceBackAndRevivesNothing) {
  open();
  SeededRandom random(3);
  for (int round = 0; round < 8; ++round) {
    for (std::uint64_t i = 0; i < 500; ++i) {
      const Bytes key = key_of(random.next_u64() % 400);
      if (random.next_u64() % 5 == 0) {
        remove(key);
      } else {
        put(key, Bytes(1000, static_cast<char>('a' + round)) + std::to_string(i));
      }
    }
    ASSERT_TRUE(store_->compact().ok());
    expect_model();
    if (round % 3 == 2) reopen();
    expect_model();
  }
  executor_.step_all();
  const std::uint64_t live = store_->stats().live_bytes;
  EXPECT_LE(disk_bytes(), 2 * live);
  close();
  expect_clean();
  open();
  expect_model();
}

TEST_F(MaintenanceTest, FortyKeysOverwrittenReturnToTwiceTheirSizeByThemselves) {
  open();
  for (int i = 0; i < 10'000; ++i) {
    put("key" + std::to_string(i % 40), Bytes(2000, static_cast<char>('a' + i % 26)));
    if (i % 200 == 0) {
      clock_.advance_ms(1000);
      executor_.step_all();
    }
  }
  clock_.advance_ms(61'000);
  executor_.step_all();
  executor_.step_all();
  EXPECT_LE(disk_bytes(), 2 * store_->stats().live_bytes);
  expect_model();
  reopen();
  expect_model();
}

// Somebody else gets in between whenever the background makes a file.
class InterruptingDisk final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  void interrupt_with(std::function<void()> interruption) {
    interruption_ = std::move(interruption);
  }
  int interruptions() const { return interruptions_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const bool is_made =
        mode == OpenMode::create_new && (path.ends_with(".data") || path.ends_with(".run"));
    if (is_made && interruption_ != nullptr && !std::exchange(interrupting_, true)) {
      ++interruptions_;
      interruption_();
      interrupting_ = false;
    }
    return ForwardingFileSystem::open(path, mode);
  }

 private:
  std::function<void()> interruption_;
  bool interrupting_ = false;
  int interruptions_ = 0;
};

TEST_F(MaintenanceTest, CompactionEndsThoughAWriterMakesGarbageMeanwhile) {
  InterruptingDisk disk(disk_);
  auto opened = EngineStore::open({disk, clock_, random_, executor_}, kPath, options_);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  store_ = std::move(opened).value();
  const auto overwrite = [&] {
    for (std::uint64_t i = 0; i < 600; ++i) {
      put(key_of(i % 200), Bytes(1000, static_cast<char>('a' + i % 26)));
    }
    put(key_of(1000), "current in a segment that is garbage otherwise");
  };
  overwrite();
  constexpr int kInterruptionsMax = 40;  // then the writer stops, and any compaction ends
  disk.interrupt_with([&] {
    if (disk.interruptions() <= kInterruptionsMax) overwrite();
  });
  ASSERT_TRUE(store_->compact().ok());
  disk.interrupt_with(nullptr);
  EXPECT_LE(disk.interruptions(), 8);
  expect_model();
  ASSERT_TRUE(store_->compact().ok());
  executor_.step_all();
  EXPECT_LE(disk_bytes(), 2 * store_->stats().live_bytes);
  close();
  expect_clean();
  store_.reset();  // before the disk that it runs on
}

TEST_F(MaintenanceTest, GarbageThatCameDuringACompactionIsNotLeftToTheNextInterval) {
  InterruptingDisk disk(disk_);
  auto opened = EngineStore::open({disk, clock_, random_, executor_}, kPath, options_);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  store_ = std::move(opened).value();
  const auto overwrite = [&] {
    for (std::uint64_t i = 0; i < 1600; ++i) {
      put(key_of(i % 400), Bytes(10'000, static_cast<char>('a' + i % 26)));
    }
  };
  overwrite();
  disk.interrupt_with([&] {
    if (disk.interruptions() == 1) overwrite();
  });
  executor_.step_all();
  disk.interrupt_with(nullptr);
  ASSERT_GE(disk.interruptions(), 1) << "no compaction was due";
  for (int i = 0; i < 4; ++i) executor_.step_all();  // and no time passes
  EXPECT_LE(disk_bytes(), 2 * store_->stats().live_bytes);
  expect_model();
  close();
  store_.reset();
}

// Else the log, and with it the next open after a crash, would grow for as long as a merge takes.
TEST_F(MaintenanceTest, AMergeOfRunsLetsTheCheckpointsComeThatBecomeDue) {
  InterruptingDisk disk(disk_);
  options_.checkpoint_bytes = 1 * kMiB;
  options_.compaction_interval = std::chrono::milliseconds(0);
  auto opened = EngineStore::open({disk, clock_, random_, executor_}, kPath, options_);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  store_ = std::move(opened).value();
  std::uint64_t next = 0;
  const auto put_some = [&](std::uint64_t count) {
    for (; count > 0; --count, ++next) put(key_of(next % 9000), Bytes(200, 'v'));
  };
  put_some(4000);
  ASSERT_TRUE(store_->checkpoint().ok());
  put_some(3000);
  const std::uint64_t before = store_->stats().checkpoints;
  disk.interrupt_with([&] {
    // The run of the checkpoint, and then that of the merge.
    if (disk.interruptions() == 2) put_some(8000);
  });
  ASSERT_TRUE(store_->checkpoint().ok());
  disk.interrupt_with(nullptr);
  EXPECT_GE(disk.interruptions(), 2) << "nothing was merged";
  EXPECT_EQ(store_->stats().checkpoints, before + 2);
  remove(key_of(5));
  expect_model();
  reopen();
  expect_model();
  close();
  expect_clean();
  store_.reset();  // before the disk that it runs on
}

// A writer for whom a checkpoint is due at every step must not keep the merge from its end, nor
// pile up layers.
TEST_F(MaintenanceTest, AMergeOfRunsUnderLoadKeepsTheLayersFew) {
  InterruptingDisk disk(disk_);
  options_.checkpoint_bytes = 1 * kMiB;
  options_.compaction_interval = std::chrono::milliseconds(0);
  auto opened = EngineStore::open({disk, clock_, random_, executor_}, kPath, options_);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  store_ = std::move(opened).value();
  for (std::uint64_t i = 0; i < 16'000; ++i) put(key_of(i), "v");
  ASSERT_TRUE(store_->checkpoint().ok());
  for (std::uint64_t i = 0; i < 9000; ++i) put(key_of(i), "w");
  std::size_t most_runs = 0;
  std::uint64_t next = 0;
  disk.interrupt_with([&] {
    std::size_t runs = 0;
    for (const std::string& name : disk_.list(kPath).value()) runs += name.ends_with(".run");
    most_runs = std::max(most_runs, runs);
    if (disk.interruptions() < 2) return;
    for (int i = 0; i < 1100; ++i) put(key_of(next++ % 16'000), Bytes(1000, 'x'));
  });
  const std::uint64_t before = store_->stats().checkpoints;
  ASSERT_TRUE(store_->checkpoint().ok());
  disk.interrupt_with(nullptr);
  EXPECT_GT(store_->stats().checkpoints - before, 1U) << "none came during the merge";
  EXPECT_LE(most_runs, kRunsMax + kCheckpointsInMerge);
  reopen();
  expect_model();
  close();
  store_.reset();
}

// Without a checkpoint at its end a compaction waits for one, and must not keep it from coming.
TEST_F(MaintenanceTest, ACompactionThatWaitsForACheckpointLetsItCome) {
  options_.checkpoint_after_compaction = false;
  options_.checkpoint_bytes = 75 * kMiB;
  open();
  constexpr std::uint64_t kKeys = 4000;
  const Bytes value(10'000, 'v');
  for (std::uint64_t i = 0; i < kKeys; ++i) put(key_of(i), value);
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    if (i % 4 != 0) put(key_of(i), value);
  }
  executor_.step_all();
  ASSERT_GT(store_->stats().compacted_bytes_written, 0U) << "no compaction was due";
  ASSERT_EQ(store_->stats().checkpoints, 0U);
  for (std::uint64_t i = 0; i < kKeys; i += 4) put(key_of(i), value);  // garbage of the copies
  for (int i = 0; i < 4; ++i) executor_.step_all();
  EXPECT_GT(store_->stats().checkpoints, 0U);
}

TEST_F(MaintenanceTest, RemovedKeysStayRemovedWhenTheirTombstonesGo) {
  open();
  for (std::uint64_t i = 0; i < 5000; ++i) put(key_of(i), "value");
  ASSERT_TRUE(store_->checkpoint().ok());
  // Of some of these the tombstones wait for a snapshot, of some for the next checkpoint.
  for (std::uint64_t i = 0; i < 2000; ++i) remove(key_of(i));
  std::optional<Snapshot> snapshot = store_->snapshot().value();
  for (std::uint64_t i = 2000; i < 5000; ++i) remove(key_of(i));
  for (std::uint64_t i = 0; i < 10; ++i) put(key_of(i * 400), "again");
  ASSERT_TRUE(store_->checkpoint().ok());
  executor_.step_all();
  ASSERT_EQ(snapshot->get(key_of(4999)).value(), "value");
  ASSERT_EQ(snapshot->get(key_of(1999)).value(), std::nullopt);
  snapshot.reset();
  put("one more", "so that what the snapshot needed is old");
  ASSERT_TRUE(store_->checkpoint().ok());
  executor_.step_all();
  expect_model();
  reopen();
  expect_model();
}

TEST_F(MaintenanceTest, ASnapshotOutlivesCompaction) {
  open();
  for (std::uint64_t i = 0; i < 500; ++i) put(key_of(i), Bytes(1000, 'a'));
  const Model before = model_;
  std::optional<Snapshot> snapshot = store_->snapshot().value();
  for (std::uint64_t i = 0; i < 500; ++i) {
    if (i % 3 == 0) {
      remove(key_of(i));
    } else {
      put(key_of(i), Bytes(1000, 'b'));
    }
  }
  ASSERT_TRUE(store_->compact().ok());
  ASSERT_TRUE(store_->checkpoint().ok());
  executor_.step_all();
  expect_model(before, snapshot->scan().value());
  for (const auto& [key, value] : before) ASSERT_EQ(snapshot->get(key).value(), value);
  expect_model();
  snapshot.reset();
  put("one more", "so that what the snapshot needed is old");
  ASSERT_TRUE(store_->compact().ok());
  executor_.step_all();
  EXPECT_LE(disk_bytes(), 2 * store_->stats().live_bytes);
}

TEST_F(MaintenanceTest, AMemoryBudgetIsKeptAndChangesNothingElse) {
  options_.memory_budget = kMemoryBudgetMin;
  options_.segment_bytes = 4 * kMiB;
  open();
  SeededRandom random(9);
  for (std::uint64_t i = 0; i < 60'000; ++i) {
    const Bytes key = key_of(random.next_u64() % 50'000);
    if (random.next_u64() % 8 == 0) {
      remove(key);
    } else {
      put(key, std::to_string(i));
    }
    if (i % 5000 == 0) executor_.step_all();
  }
  for (int i = 0; i < 3; ++i) executor_.step_all();
  expect_model();
  for (int i = 0; i < 3; ++i) executor_.step_all();
  ASSERT_TRUE(store_->compact().ok());
  expect_model();
  reopen();
  expect_model();
  close();
  expect_clean();
}

// They come by no write, and the table is to have room for them when they are there.
TEST_F(MaintenanceTest, TheTableHasItsSizeWhenTheKeysAreBackFromRuns) {
  constexpr std::uint64_t kKeys = 100'000;
  open();
  for (std::uint64_t i = 0; i < kKeys;) {
    Batch batch;
    for (const std::uint64_t end = i + 1000; i < end; ++i) batch.put(key_of(i), "v");
    ASSERT_TRUE(store_->commit(batch, nullptr).ok());
  }
  checkpoint();
  reopen();
  for (int i = 0; i < 8; ++i) executor_.step_all();
  const std::uint64_t index_bytes = store_->stats().index_bytes;
  for (int i = 0; i < 200; ++i) executor_.step_all();
  EXPECT_EQ(store_->stats().index_bytes, index_bytes) << "it grew long after the keys";
  EXPECT_GE(index_bytes, kKeys * 8);
}

TEST_F(MaintenanceTest, LargeValuesAreGivenBack) {
  open();
  for (int i = 0; i < 6; ++i)
    put("large" + std::to_string(i % 2), Bytes(2 * kMiB, static_cast<char>('a' + i)));
  reopen();
  for (int i = 0; i < 3; ++i) executor_.step_all();
  for (int i = 0; i < 2; ++i) put("large" + std::to_string(i), Bytes(2 * kMiB, 'z'));
  ASSERT_TRUE(store_->compact().ok());
  executor_.step_all();
  expect_model();
  EXPECT_LE(disk_bytes(), 5 * kMiB);
  reopen();
  expect_model();
  close();
  expect_clean();
}

TEST_F(MaintenanceTest, LargeValuesRemovedBeforeTheIndexIsCompleteAreGivenBack) {
  open();
  put("large", Bytes(2 * kMiB, 'a'));
  put("other", "value");
  ASSERT_TRUE(store_->checkpoint().ok());
  reopen();
  remove("large");
  reopen();
  ASSERT_TRUE(store_->compact().ok());
  executor_.step_all();
  EXPECT_LE(disk_bytes(), 1 * kMiB);
  expect_model();
  close();
  expect_clean();
}

// --- Runs that do not open -----------------------------------------------------------------------

// Opening a run for reading fails, as it does where a process has too many files open.
class UnopenedRunsDisk final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  /// From the `first`-th time on, `times` times.
  void fail(int first, int times) {
    passing_ = first - 1;
    failing_ = times;
  }
  int failed() const { return failed_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    if (mode == OpenMode::read && path.ends_with(".run") && failing_ > 0 && --passing_ < 0) {
      --failing_;
      ++failed_;
      return Status::io_error("too many open files, says the test");
    }
    return ForwardingFileSystem::open(path, mode);
  }

 private:
  int passing_ = 0;
  int failing_ = 0;
  int failed_ = 0;
};

enum class Recovery { step, checkpoint, compaction, reopen };

class UnopenedRun : public MaintenanceTest, public testing::WithParamInterface<Recovery> {
 protected:
  void open_anew() {
    disk_files_ = std::make_unique<CrashFileSystem>();
    failing_ = std::make_unique<UnopenedRunsDisk>(*disk_files_);
    model_.clear();
    open_again();
  }
  void open_again() {
    store_.reset();
    auto opened = EngineStore::open(failing_seams(), kPath, options_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
  }
  Seams failing_seams() { return {*failing_, clock_, random_, executor_}; }
  void TearDown() override { store_.reset(); }  // before its disk

  // Runs of 1000 and of 70 rows, and 60 changes since, which undo some of what both say.
  void make_layers() {
    for (std::uint64_t i = 0; i < 1000; ++i) put(key_of(i), Bytes(500, 'a'));
    ASSERT_TRUE(store_->checkpoint().ok());
    for (std::uint64_t i = 0; i < 50; ++i) put(key_of(i), "b");
    for (std::uint64_t i = 50; i < 70; ++i) remove(key_of(i));
    ASSERT_TRUE(store_->checkpoint().ok());
    ASSERT_EQ(runs_named(), 2U);
    for (std::uint64_t i = 20; i < 40; ++i) put(key_of(i), "c");
    for (std::uint64_t i = 40; i < 60; ++i) put(key_of(i), "d");
    for (std::uint64_t i = 0; i < 10; ++i) remove(key_of(i));
    for (std::uint64_t i = 990; i < 1000; ++i) remove(key_of(i));
  }
  std::size_t runs_named() { return read_manifest(*disk_files_, kPath).value().runs.size(); }
  Status recover() {
    switch (GetParam()) {
      case Recovery::step:
        clock_.advance_ms(1001);
        executor_.step_all();
        return {};
      case Recovery::checkpoint: return store_->checkpoint();
      case Recovery::compaction: return store_->compact();
      case Recovery::reopen:
        TALEA_TRY(store_->close());
        open_again();
        return {};
    }
    return {};
  }
  // That no manifest names any more, or has not named yet.
  std::vector<std::string> unnamed_files() {
    const Manifest manifest = read_manifest(*disk_files_, kPath).value();
    std::vector<std::string> unnamed;
    for (const std::string& name : disk_files_->list(kPath).value()) {
      const bool is_segment = name.ends_with(".log") || name.ends_with(".data");
      if (!is_segment && !name.ends_with(".run")) continue;
      const auto id = static_cast<std::uint32_t>(std::stoul(name));
      const bool is_run =
          std::ranges::any_of(manifest.runs, [&](const ManifestRun& run) { return run.id == id; });
      const bool is_file = std::ranges::any_of(
          manifest.files, [&](const ManifestFile& file) { return file.id == id; });
      if (!is_run && !is_file) unnamed.push_back(name);
    }
    return unnamed;
  }

  std::unique_ptr<CrashFileSystem> disk_files_;
  std::unique_ptr<UnopenedRunsDisk> failing_;
};

TEST_P(UnopenedRun, LosesNothingAndIsOpenedByTheNextAttempt) {
  constexpr int kFailures = 2;  // of the checkpoint and of one attempt to recover
  int first = 0;
  for (int failed = 1; failed > 0;) {
    SCOPED_TRACE("run open " + std::to_string(++first));
    open_anew();
    make_layers();
    std::optional<Snapshot> snapshot = store_->snapshot().value();
    const Model before = model_;
    failing_->fail(first, kFailures);
    const Status checkpointed = store_->checkpoint();
    failed = failing_->failed();
    if (failed == 0) break;
    ASSERT_EQ(checkpointed.code(), Code::io_error) << checkpointed.to_string();
    expect_model();
    // In the trees only, now that the run which has them does not open.
    for (std::uint64_t i = 100; i < 120; ++i) remove(key_of(i));
    for (std::uint64_t i = 0; i < 5; ++i) put(key_of(i), "back");
    expect_model();
    if (GetParam() != Recovery::reopen) (void)recover().ok();
    expect_model();
    failing_->fail(1, 0);
    if (GetParam() == Recovery::reopen) snapshot.reset();
    const Status recovered = recover();
    ASSERT_TRUE(recovered.ok()) << recovered.to_string();
    if (HasFatalFailure()) return;
    expect_model();
    if (snapshot) expect_model(before, snapshot->scan().value());
    snapshot.reset();
    put("one more", "so that what the snapshot needed is old");
    ASSERT_TRUE(store_->compact().ok());
    for (int i = 0; i < 3; ++i) executor_.step_all();
    EXPECT_THAT(unnamed_files(), testing::IsEmpty());
    expect_model();
    ASSERT_TRUE(store_->close().ok());
    open_again();
    expect_model();
    for (int i = 0; i < 4; ++i) executor_.step_all();
    expect_model();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(first, 2) << "the checkpoint and the merge open one each";
}

INSTANTIATE_TEST_SUITE_P(Recoveries, UnopenedRun,
                         testing::Values(Recovery::step, Recovery::checkpoint, Recovery::compaction,
                                         Recovery::reopen),
                         [](const auto& recovery) {
                           switch (recovery.param) {
                             case Recovery::step: return "step";
                             case Recovery::checkpoint: return "checkpoint";
                             case Recovery::compaction: return "compaction";
                             default: return "reopen";
                           }
                         });

TEST_F(MaintenanceTest, OptionsOutOfRangeAreRefusedByName) {
  const auto refused = [&](const char* name) {
    const auto opened = EngineStore::open(seams(), kPath, options_);
    EXPECT_EQ(opened.status().code(), Code::invalid_argument);
    EXPECT_NE(opened.status().message().find(name), BytesView::npos) << opened.status().to_string();
    options_ = {};
  };
  options_.live_ratio = 0.99;
  refused("live_ratio");
  options_.compaction_interval = std::chrono::milliseconds(5);
  refused("compaction_interval");
  options_.memory_budget = 1000;
  refused("memory_budget");
  options_.checkpoint_bytes = 1000;
  refused("checkpoint_bytes");
}

}  // namespace
}  // namespace talea
