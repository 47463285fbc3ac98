// Faults that were once found in the engine, each in its smallest form, on the crash-simulating
// disk. Those that need a real file system are in reported_faults_real_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <utility>

#include "manifest/manifest.h"
#include "tests/support/crash_world.h"
#include "tests/support/forwarding_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

Options small_segments(SyncMode sync = SyncMode::always) {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.sync = sync;
  return options;
}

// A CrashFileSystem whose next sync a test can hold up, and which knows how many files are open.
class WatchedDisk final : public ForwardingFileSystem {
 public:
  explicit WatchedDisk(CrashFileSystem& disk) : ForwardingFileSystem(disk) {}

  /// `action` runs at the start of the next sync_data, once.
  void before_next_sync(std::function<void()> action) { before_sync_ = std::move(action); }
  int open_files() const { return open_files_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    std::unique_ptr<File> file = TALEA_TRY(ForwardingFileSystem::open(path, mode));
    return std::unique_ptr<File>(std::make_unique<WatchedFile>(*this, std::move(file)));
  }

 private:
  class WatchedFile final : public ForwardingFile {
   public:
    WatchedFile(WatchedDisk& disk, std::unique_ptr<File> file)
        : ForwardingFile(std::move(file)), disk_(disk) {
      ++disk_.open_files_;
    }
    ~WatchedFile() override { --disk_.open_files_; }
    Status sync_data() override {
      if (const auto action = std::exchange(disk_.before_sync_, nullptr)) action();
      return ForwardingFile::sync_data();
    }

   private:
    WatchedDisk& disk_;
  };

  std::function<void()> before_sync_;  // set and taken by one writer at a time
  std::atomic<int> open_files_{0};
};

// --- What is in flight ---------------------------------------------------------------------------

// One write is held up in its sync while another thread commits something that depends on it.
class WriteInFlight : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = EngineStore::open({disk_, *world_.clock, *world_.random, *world_.executor},
                                    CrashWorld::kPath, {});
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
    const auto put = store_->put(Space::user, "old", "1");
    ASSERT_TRUE(put.ok());
    old_revision_ = *put;
  }

  enum class Outcome { committed, rejected };
  // Commits `second` while `first` is in flight; the outcome of `first` is decided after that.
  Result<Sequence> commit_behind(const Batch& first, Outcome outcome, const Batch& second) {
    return do_behind([&] { return store_->commit(first, nullptr).status(); }, outcome,
                     [&] { return store_->commit(second, &failed_); });
  }
  // The same with apply(), of the same batch.
  Result<bool> apply_behind(Outcome outcome) {
    const auto apply = [this] { return store_->apply(100, Batch().put("new", "1")); };
    return do_behind([&] { return apply().status(); }, outcome, apply);
  }
  // `queued`: so many commits wait before the outcome is decided.
  template <typename Second>
  std::invoke_result_t<Second> do_behind(const std::function<Status()>& first, Outcome outcome,
                                         const Second& second, std::size_t queued = 1) {
    std::promise<void> entered;
    std::promise<void> decided;
    disk_.before_next_sync([&] {
      entered.set_value();
      decided.get_future().wait();
      if (outcome == Outcome::rejected) world_.disk->fail_at(1, Fault::sync_fails);
    });
    Status first_status;
    std::thread writer([&] { first_status = first(); });
    entered.get_future().wait();
    std::atomic<bool> ended{false};
    auto waiting = std::async(std::launch::async, [&] {
      auto result = second();
      ended = true;
      return result;
    });
    while (store_->queued_commits() < queued && !ended) std::this_thread::yield();
    EXPECT_FALSE(ended) << "it did not wait for what it rests on";
    decided.set_value();
    writer.join();
    EXPECT_EQ(first_status.ok(), outcome == Outcome::committed) << first_status.to_string();
    return waiting.get();
  }
  bool has(BytesView key) { return store_->get_value(Space::user, key).value().has_value(); }

  CrashWorld world_;
  WatchedDisk disk_{*world_.disk};
  std::unique_ptr<EngineStore> store_;
  Sequence old_revision_ = 0;
  FailedPrecondition failed_;
};

TEST_F(WriteInFlight, ThatIsRejectedMakesNoKeyPresentForACheck) {
  const auto checked =
      commit_behind(Batch().put("new", "1"), Outcome::rejected, Batch().require_present("new"));
  EXPECT_FALSE(checked.ok());
  EXPECT_FALSE(has("new"));
}

TEST_F(WriteInFlight, ThatIsRejectedMakesNoKeyPresentForABatch) {
  const auto committed = commit_behind(Batch().put("new", "1"), Outcome::rejected,
                                       Batch().require_present("new").put("other", "1"));
  EXPECT_FALSE(committed.ok());
  EXPECT_FALSE(has("other"));
}

TEST_F(WriteInFlight, ThatIsRejectedMakesNoKeyAbsentForACheck) {
  const auto checked =
      commit_behind(Batch().remove("old"), Outcome::rejected, Batch().require_absent("old"));
  EXPECT_FALSE(checked.ok());
  EXPECT_TRUE(has("old"));
}

TEST_F(WriteInFlight, ThatIsRejectedIsNoConflictForARequiredAbsence) {
  const auto committed = commit_behind(Batch().put("new", "1"), Outcome::rejected,
                                       Batch().require_absent("new").put("new", "2"));
  EXPECT_NE(committed.status().code(), Code::conflict) << committed.status().to_string();
}

TEST_F(WriteInFlight, ThatIsRejectedIsNoConflictForARequiredPresence) {
  const auto committed = commit_behind(Batch().remove("old"), Outcome::rejected,
                                       Batch().require_present("old").put("other", "1"));
  EXPECT_NE(committed.status().code(), Code::conflict) << committed.status().to_string();
}

TEST_F(WriteInFlight, ThatIsRejectedIsNoConflictForARequiredRevision) {
  const auto committed =
      commit_behind(Batch().put("old", "2"), Outcome::rejected,
                    Batch().require_revision("old", old_revision_).put("other", "1"));
  EXPECT_NE(committed.status().code(), Code::conflict) << committed.status().to_string();
}

TEST_F(WriteInFlight, ThatIsRejectedGivesNoRevisionToACheck) {
  const auto checked = commit_behind(Batch().put("new", "1"), Outcome::rejected,
                                     Batch().require_revision("new", old_revision_ + 1));
  EXPECT_FALSE(checked.ok());
}

TEST_F(WriteInFlight, ThatIsRejectedIsNeverNamedAsTheRevisionFound) {
  const auto committed = commit_behind(Batch().put("new", "1"), Outcome::rejected,
                                       Batch().require_absent("new").put("new", "2"));
  EXPECT_EQ(failed_.found, std::nullopt);
}

TEST_F(WriteInFlight, ThatIsCommittedIsTheRevisionFound) {
  const auto committed = commit_behind(Batch().put("new", "1"), Outcome::committed,
                                       Batch().require_absent("new").put("new", "2"));
  ASSERT_EQ(committed.status().code(), Code::conflict) << committed.status().to_string();
  ASSERT_TRUE(failed_.found.has_value());
  EXPECT_EQ(*failed_.found, store_->get(Space::user, "new").value()->revision);
}

TEST_F(WriteInFlight, ThatIsRejectedWasNotAppliedBefore) {
  const auto second = apply_behind(Outcome::rejected);
  EXPECT_FALSE(second.ok()) << (*second ? "applied, behind a failure" : "told: applied before");
  EXPECT_FALSE(has("new"));
  const auto third = store_->apply(100, Batch().put("new", "1"));
  ASSERT_TRUE(third.ok()) << third.status().to_string();
  EXPECT_TRUE(*third);
  EXPECT_TRUE(has("new"));
}

TEST_F(WriteInFlight, ThatIsCommittedWasAppliedBefore) {
  const auto second = apply_behind(Outcome::committed);
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_FALSE(*second);
}

// Both in the queue, behind a stranger's batch that fails.
TEST_F(WriteInFlight, ThatIsRejectedTakesAlongAnApplyAndItsRepetition) {
  std::future<Result<bool>> first;
  const auto apply = [this] { return store_->apply(100, Batch().put("new", "1")); };
  const auto second = do_behind(
      [this] { return store_->put(Space::user, "stranger", "1").status(); }, Outcome::rejected,
      [&] {
        first = std::async(std::launch::async, apply);
        while (store_->queued_commits() == 0) std::this_thread::yield();
        return apply();
      },
      2);
  EXPECT_FALSE(first.get().ok());
  EXPECT_FALSE(second.ok()) << (*second ? "applied, behind a failure" : "told: applied before");
  EXPECT_FALSE(has("new"));
  EXPECT_TRUE(store_->apply(100, Batch().put("new", "1")).value());
}

// --- Rejected writes -----------------------------------------------------------------------------

class RejectedApply : public testing::TestWithParam<std::pair<const char*, Fault>> {};

TEST_P(RejectedApply, IsAppliedWhenItIsRetried) {
  const Batch batch = Batch().put("b", "2");
  std::uint64_t rejected = 0;
  for (std::uint64_t call = 1;; ++call) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    auto store = world.open(small_segments()).value();
    ASSERT_TRUE(*store->apply(1, Batch().put("a", "1")));
    world.disk->fail_at(call, GetParam().second);
    const auto first = store->apply(2, batch);
    if (world.disk->faults_fired() == 0) break;
    if (first.ok() || first.status().code() == Code::timed_out) continue;
    ++rejected;
    const auto again = store->apply(2, batch);
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_TRUE(*again) << "said to be applied before";
    EXPECT_TRUE(store->get_value(Space::user, "b").value().has_value());
  }
  EXPECT_GT(rejected, 0U);
}

INSTANTIATE_TEST_SUITE_P(Faults, RejectedApply,
                         testing::Values(std::pair("io_error", Fault::io_error),
                                         std::pair("disk_full", Fault::disk_full),
                                         std::pair("sync_fails", Fault::sync_fails)),
                         [](const auto& fault) { return std::string(fault.param.first); });

TEST(Apply, OfTheLargestNumberIsRefusedAndUsesUpNothing) {
  CrashWorld world;
  auto store = world.open({}).value();
  EXPECT_EQ(store->apply(UINT64_MAX, Batch().put("a", "1")).status().code(),
            Code::invalid_argument);
  EXPECT_TRUE(store->put(Space::user, "b", "2").ok());
}

TEST(RejectedLargePut, TakesNoSpace) {
  CrashWorld world;
  auto store = world.open({}).value();
  ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
  const std::uint64_t before = world.disk->calls().bytes_written;
  const Batch batch = Batch().require_absent("k").put("k", Bytes(2 * kMiB, 'x'));
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(store->commit(batch, nullptr).status().code(), Code::conflict);
  }
  EXPECT_EQ(world.disk->calls().bytes_written, before);
}

// --- Full disks ----------------------------------------------------------------------------------

class FullDisk : public testing::TestWithParam<SyncMode> {};

TEST_P(FullDisk, IsExhaustedAndTheEngineGoesOnWhenThereIsRoom) {
  CrashWorld world;
  auto store = world.open(small_segments(GetParam())).value();
  world.disk->set_capacity(100 * kKiB);
  Status status;
  for (int i = 0; i < 40 && status.ok(); ++i) {
    status = store->put(Space::user, "k" + std::to_string(i), Bytes(5000, 'x')).status();
  }
  EXPECT_EQ(status.code(), Code::exhausted) << status.to_string();
  world.disk->set_capacity(CrashFileSystem::kUnlimited);
  const auto put = store->put(Space::user, "room", "again");
  EXPECT_TRUE(put.ok()) << put.status().to_string();
}

TEST_P(FullDisk, GainsAtMostOneFileFromPutsThatFail) {
  for (std::uint64_t capacity = 80; capacity <= 140; capacity += 4) {
    SCOPED_TRACE("capacity=" + std::to_string(capacity) + " KiB");
    CrashWorld world;
    auto store = world.open(small_segments(GetParam())).value();
    world.disk->set_capacity(capacity * kKiB);
    const auto put_fifty = [&] {
      for (int i = 0; i < 50; ++i) {
        // The large ones go to extents, which have files of their own.
        const Bytes value(i % 9 == 5 ? 2 * kMiB : 10'000, 'x');
        (void)store->put(Space::user, "k" + std::to_string(i), value).ok();
      }
      return world.disk->list(CrashWorld::kPath).value().size();
    };
    const std::size_t files = put_fifty();
    EXPECT_LE(put_fifty(), files + 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, FullDisk,
                         testing::Values(SyncMode::always, SyncMode::interval, SyncMode::never),
                         [](const auto& mode) { return std::string(sync_mode_name(mode.param)); });

// The claim that earlier records are durable is made by the next record; a put that failed in
// between must not swallow it.
TEST(Damage, BelowAnAcknowledgedWriteIsRefusedAlsoAfterAFullDisk) {
  CrashWorld world;
  auto store = world.open({}).value();
  ASSERT_TRUE(store->put(Space::user, "a", Bytes(3000, 'a')).ok());
  ASSERT_TRUE(store->put(Space::user, "b", Bytes(3000, 'b')).ok());
  world.disk->set_capacity(80 * kKiB);
  ASSERT_EQ(store->put(Space::user, "x", Bytes(100'000, 'x')).status().code(), Code::exhausted);
  world.disk->set_capacity(CrashFileSystem::kUnlimited);
  ASSERT_TRUE(store->put(Space::user, "c", "c").ok());
  const std::string log = store->segments().at(0).file;
  store.reset();
  world.disk->power_cut_losing_everything_unsynced();
  constexpr std::uint64_t kInsideB = 4096 + 3000 + 1000;
  ASSERT_TRUE(world.disk->flip_bit(std::string(CrashWorld::kPath) + "/" + log, kInsideB, 0).ok());
  EXPECT_EQ(world.open({}).status().code(), Code::corruption)
      << "b and c, both acknowledged, are gone without a word";
}

// --- Files ---------------------------------------------------------------------------------------

TEST(FailingSyncs, LeaveNoEmptySegmentsAndNoOpenFiles) {
  CrashWorld world;
  WatchedDisk disk(*world.disk);
  auto store =
      EngineStore::open({disk, *world.clock, *world.random, *world.executor}, CrashWorld::kPath, {})
          .value();
  ASSERT_TRUE(store->put(Space::user, "a", "1").ok());
  const int open_files = disk.open_files();
  int rejected = 0;
  for (std::uint64_t i = 0;; ++i) {
    // Ten times each sync on the way to a new segment and its first record.
    world.disk->fail_at(1 + i / 10, Fault::sync_fails);
    const Status status = store->put(Space::user, "b", "2").status();
    if (status.ok()) break;
    ASSERT_NE(status.code(), Code::timed_out) << status.to_string();
    ++rejected;
    world.disk->clear_faults();
  }
  EXPECT_GE(rejected, 30);
  world.disk->clear_faults();
  ASSERT_TRUE(store->put(Space::user, "b", "2").ok());
  for (const SegmentInfo& segment : store->segments()) EXPECT_GT(segment.entries, 0U);
  EXPECT_LE(disk.open_files(), open_files + 2) << "those of the two segments that are listed";
  EXPECT_LE(world.disk->list(CrashWorld::kPath).value().size(), 5U)
      << "LOCK, MANIFEST, two segments, and one more at most";
}

TEST(WrittenAheadSpace, IsGivenBackByTheNextOpenWhenAPowerCutEndedTheClose) {
  for (std::uint64_t call = 1;; ++call) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    auto store = world.open({}).value();
    ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
    world.disk->fail_at(call, Fault::crash);
    (void)store->close().ok();
    const bool crashed = world.disk->crashed();
    store.reset();
    world.disk->clear_faults();
    if (crashed) world.disk->power_cut_keeping_everything();
    store = world.open({}).value();
    for (const SegmentInfo& segment : store->segments()) {
      EXPECT_EQ(segment.file_bytes, segment.used_bytes) << segment.file;
    }
    if (!crashed) break;
  }
}

class StorePath : public testing::TestWithParam<const char*> {};

TEST_P(StorePath, WithSlashesAtItsEndIsDurableAsWell) {
  CrashWorld world;
  auto store = EngineStore::open(world.seams(), GetParam(), {}).value();
  ASSERT_TRUE(store->put(Space::user, "a", "1").ok());
  store.reset();
  world.disk->power_cut_losing_everything_unsynced();
  Options existing;
  existing.create_if_missing = false;
  const auto again = world.open(existing);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(*(*again)->get_value(Space::user, "a").value(), "1");
}

INSTANTIATE_TEST_SUITE_P(Slashes, StorePath, testing::Values("/store", "/store/", "/store//"));

// --- Scans ---------------------------------------------------------------------------------------

void expect_no_row(Scan& scan) {
  EXPECT_EQ(scan.key(), "");
  EXPECT_EQ(scan.value().status().code(), Code::invalid_argument);
  EXPECT_EQ(scan.revision().status().code(), Code::invalid_argument);
}

TEST(ScanBeforeItsFirstRow, HasNoKeyAndRefusesAValue) {
  CrashWorld world;
  auto store = world.open({}).value();
  ASSERT_TRUE(store->put(Space::user, "a1", "in").ok());
  Scan scan = store->scan(Space::user, {}).value();
  expect_no_row(scan);
}

TEST(ScanAfterItsEnd, HasNoKeyAndRefusesAValue) {
  CrashWorld world;
  auto store = world.open({}).value();
  ASSERT_TRUE(store->put(Space::user, "a1", "in").ok());
  ASSERT_TRUE(store->put(Space::user, "b1", "beyond the prefix").ok());
  Scan scan = store->scan(Space::user, {.prefix = "a"}).value();
  ASSERT_TRUE(scan.next().value());
  ASSERT_FALSE(scan.next().value());
  expect_no_row(scan);
}

TEST(ScanAfterItsLimit, HasNoKeyAndRefusesAValue) {
  CrashWorld world;
  auto store = world.open({}).value();
  ASSERT_TRUE(store->put(Space::user, "a1", "in").ok());
  ASSERT_TRUE(store->put(Space::user, "a2", "beyond the limit").ok());
  Scan scan = store->scan(Space::user, {.limit = 1}).value();
  ASSERT_TRUE(scan.next().value());
  ASSERT_FALSE(scan.next().value());
  expect_no_row(scan);
}

// The first record of the tail is torn and a later one is whole. An open that dies after it has
// forgotten the segment must not leave a file that the next one takes for a lost part of the log.
TEST(InterruptedOpen, OfASegmentWhoseFirstRecordIsTornCanBeDoneAgain) {
  Options options;
  options.sync = SyncMode::never;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t call = 1;; ++call) {
      CrashWorld world;
      auto store = world.open(options).value();
      for (const char* key : {"a", "b", "c"}) {
        ASSERT_TRUE(store->put(Space::user, key, Bytes(20'000, 'x')).ok());
      }
      store.reset();
      world.disk->power_cut(seed);
      world.disk->fail_at(call, CrashFileSystem::Fault::crash);
      (void)world.open(options).ok();
      if (!world.disk->crashed()) break;
      world.disk->clear_faults();
      world.disk->power_cut_keeping_everything();
      const auto again = world.open(options);
      ASSERT_TRUE(again.ok()) << "seed " << seed << ", call " << call << ": "
                              << again.status().to_string();
    }
  }
}

}  // namespace
}  // namespace talea
