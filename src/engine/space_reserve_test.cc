// What is held back for a full disk: on its own, and through the store on a disk that is full.
#include "engine/space_reserve.h"

#include <gtest/gtest.h>

#include <map>

#include "base/executor.h"
#include "base/random.h"
#include "engine/engine_store.h"
#include "engine/verify.h"
#include "io/crash_file_system.h"

namespace talea {
namespace {

constexpr const char* kPath = "store";
constexpr const char* kReservePath = "store/RESERVE";

// --- The reserve alone ---------------------------------------------------------------------------

class SpaceReserveTest : public testing::Test {
 protected:
  SpaceReserveTest() { EXPECT_TRUE(disk_.create_directory(kPath).ok()); }
  std::uint64_t file_bytes() { return disk_.read_file(kReservePath).value().size(); }
  void fill_disk() {
    ASSERT_TRUE(disk_.write_file("ballast", Bytes(3 * kMiB, 'x')).ok());
    disk_.set_capacity(3 * kMiB);
  }
  CrashFileSystem disk_;
  ManualClock clock_;
  SpaceReserve reserve_{disk_, clock_, kPath, kMiB};
};

TEST_F(SpaceReserveTest, IsAnEighthOfASegmentWithinItsLimits) {
  EXPECT_EQ(reserve_bytes_for(kSegmentBytesMin), 1 * kMiB);
  EXPECT_EQ(reserve_bytes_for(24 * kMiB), 3 * kMiB);
  EXPECT_EQ(reserve_bytes_for(64 * kMiB), 8 * kMiB);
  EXPECT_EQ(reserve_bytes_for(kSegmentBytesMax), 8 * kMiB);
}

TEST_F(SpaceReserveTest, NothingIsMadeBeforeItIsTaken) {
  reserve_.resume();
  EXPECT_FALSE(disk_.exists(kReservePath).value());
  EXPECT_FALSE(reserve_.is_whole());
  EXPECT_TRUE(reserve_.check_whole().ok());
  EXPECT_FALSE(reserve_.give_up(reserve_.times_given_up()));
}

TEST_F(SpaceReserveTest, IsTakenGivenUpAndTakenAgain) {
  ASSERT_TRUE(reserve_.take().ok());
  EXPECT_TRUE(reserve_.is_whole());
  EXPECT_EQ(file_bytes(), kMiB);

  const std::uint64_t before = reserve_.times_given_up();
  EXPECT_TRUE(reserve_.give_up(before));
  EXPECT_EQ(file_bytes(), 0U);
  EXPECT_FALSE(reserve_.is_whole());
  fill_disk();
  const Status refused = reserve_.check_whole();
  EXPECT_EQ(refused.code(), Code::exhausted);
  EXPECT_NE(refused.message().find("1048576"), BytesView::npos) << refused.to_string();
  EXPECT_NE(refused.message().find("remove keys"), BytesView::npos) << refused.to_string();

  // Somebody who began before that may try again; who begins now finds nothing to give.
  EXPECT_TRUE(reserve_.give_up(before));
  EXPECT_FALSE(reserve_.give_up(reserve_.times_given_up()));

  disk_.set_capacity(CrashFileSystem::kUnlimited);
  ASSERT_TRUE(reserve_.take().ok());
  EXPECT_EQ(file_bytes(), kMiB);
  EXPECT_TRUE(reserve_.check_whole().ok());
}

TEST_F(SpaceReserveTest, WhoWantsToPutAsksTheDiskNowAndThen) {
  ASSERT_TRUE(reserve_.take().ok());
  fill_disk();
  ASSERT_TRUE(reserve_.give_up(reserve_.times_given_up()));
  disk_.reset_calls();
  // Not at once: the room that there is now is for whoever gave it up.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(reserve_.check_whole().code(), Code::exhausted);
  EXPECT_EQ(disk_.calls().allocates, 0U);
  clock_.advance_ms(250);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(reserve_.check_whole().code(), Code::exhausted);
  EXPECT_EQ(disk_.calls().allocates, 1U);
  disk_.set_capacity(CrashFileSystem::kUnlimited);
  EXPECT_EQ(reserve_.check_whole().code(), Code::exhausted);
  clock_.advance_ms(250);
  EXPECT_TRUE(reserve_.check_whole().ok());
  EXPECT_EQ(disk_.calls().allocates, 2U);
}

TEST_F(SpaceReserveTest, WhoWasRefusedBesideATakeInVainMayTryAgain) {
  const std::uint64_t before = reserve_.times_given_up();
  fill_disk();
  EXPECT_FALSE(reserve_.take().ok());
  EXPECT_TRUE(reserve_.give_up(before));
}

TEST_F(SpaceReserveTest, WithoutRoomNothingIsHeld) {
  fill_disk();
  const Status taken = reserve_.take();
  EXPECT_EQ(taken.code(), Code::exhausted) << taken.to_string();
  EXPECT_FALSE(disk_.exists(kReservePath).value());
  // It was never whole, so nobody has to make way.
  EXPECT_TRUE(reserve_.check_whole().ok());
  disk_.set_capacity(CrashFileSystem::kUnlimited);
  EXPECT_TRUE(reserve_.take().ok());
}

TEST_F(SpaceReserveTest, GivenUpStaysSoUntilThereIsRoom) {
  ASSERT_TRUE(reserve_.take().ok());
  fill_disk();
  ASSERT_TRUE(reserve_.give_up(reserve_.times_given_up()));
  EXPECT_EQ(reserve_.take().code(), Code::exhausted);
  EXPECT_TRUE(reserve_.is_given_up());
  disk_.set_capacity(4 * kMiB);
  EXPECT_TRUE(reserve_.take().ok());
  EXPECT_FALSE(reserve_.is_given_up());
}

TEST_F(SpaceReserveTest, TheNextSessionGoesOnWithWhatItFinds) {
  for (const std::uint64_t length : {std::uint64_t{0}, 5000 * kKiB / 10, kMiB, 3 * kMiB}) {
    SCOPED_TRACE(length);
    ASSERT_TRUE(disk_.write_file(kReservePath, Bytes(length, '\0')).ok());
    SpaceReserve next(disk_, clock_, kPath, kMiB);
    next.resume();
    EXPECT_TRUE(next.is_whole());
    EXPECT_EQ(file_bytes(), std::max(length, kMiB));
  }
}

TEST_F(SpaceReserveTest, TheNextSessionOnAFullDiskLetsNobodyPut) {
  ASSERT_TRUE(disk_.write_file(kReservePath, Bytes()).ok());
  fill_disk();
  reserve_.resume();
  EXPECT_FALSE(reserve_.is_whole());
  EXPECT_EQ(reserve_.check_whole().code(), Code::exhausted);
}

TEST_F(SpaceReserveTest, AFailureOtherThanOfRoomIsReported) {
  disk_.fail_at(1, CrashFileSystem::Fault::read_only);
  EXPECT_EQ(reserve_.take().code(), Code::denied);
  EXPECT_FALSE(reserve_.is_whole());
  disk_.clear_faults();
  disk_.fail_at(2, CrashFileSystem::Fault::io_error);  // of the allocation
  EXPECT_EQ(reserve_.take().code(), Code::io_error);
  EXPECT_FALSE(reserve_.is_whole());
  disk_.clear_faults();
  EXPECT_TRUE(reserve_.take().ok());
}

TEST_F(SpaceReserveTest, OpeningGivesUpWhatAnEarlierSessionHeld) {
  EXPECT_FALSE(give_up_reserve(disk_, kPath));
  ASSERT_TRUE(reserve_.take().ok());
  EXPECT_TRUE(give_up_reserve(disk_, kPath));
  EXPECT_EQ(file_bytes(), 0U);
  EXPECT_FALSE(give_up_reserve(disk_, kPath));
  ASSERT_TRUE(disk_.write_file(kReservePath, Bytes(1000, '\0')).ok());
  disk_.fail_at(1, CrashFileSystem::Fault::io_error);
  EXPECT_FALSE(give_up_reserve(disk_, kPath));
}

// --- A store on a full disk ----------------------------------------------------------------------

class FullDiskTest : public testing::TestWithParam<SyncMode> {
 protected:
  FullDiskTest() {
    options_.segment_bytes = 256 * kKiB;
    options_.sync = GetParam();
  }
  Seams seams() { return {disk_, clock_, random_, executor_}; }
  Status try_open() {
    store_.reset();
    store_ = TALEA_TRY(EngineStore::open(seams(), kPath, options_));
    return {};
  }
  void open() {
    const Status opened = try_open();
    ASSERT_TRUE(opened.ok()) << opened.to_string();
  }
  static Bytes key_of(int number) { return "key" + std::to_string(number); }
  Status put(const Bytes& key, const Bytes& value) {
    TALEA_TRY(store_->put(Space::user, key, value).status());
    model_[key] = value;
    return {};
  }
  Status remove(const Bytes& key) {
    TALEA_TRY(store_->remove(Space::user, key).status());
    model_.erase(key);
    return {};
  }
  void step() {
    clock_.advance_ms(1001);
    executor_.step_all();
  }
  // A store with its reserve on a disk of 6 MiB, and then as much in it as goes.
  void fill() {
    disk_.set_capacity(6 * kMiB);
    open();
    ASSERT_TRUE(put("first", "value").ok());
    step();
    ASSERT_EQ(disk_.read_file(kReservePath).value().size(), kMiB);
    Status refused;
    for (int i = 0; refused.ok(); ++i) {
      refused = put(key_of(i), Bytes(10'000, static_cast<char>('a' + i % 26)));
    }
    ASSERT_EQ(refused.code(), Code::exhausted) << refused.to_string();
    while (put("small", "value").ok()) {
    }
  }
  std::uint64_t reserve_bytes() { return disk_.read_file(kReservePath).value().size(); }
  std::uint64_t bytes_in_use() {
    std::uint64_t bytes = 0;
    for (const std::string& name : disk_.list(kPath).value()) {
      bytes += (disk_.read_file(join_path(kPath, name)).value().size() + 4095) / 4096 * 4096;
    }
    return bytes;
  }
  void expect_model() {
    auto expected = model_.begin();
    Scan scan = store_->scan(Space::user, {}).value();
    while (scan.next().value()) {
      ASSERT_NE(expected, model_.end()) << scan.key();
      ASSERT_EQ(scan.key(), expected->first);
      ASSERT_EQ(scan.value().value(), expected->second);
      ++expected;
    }
    ASSERT_EQ(expected, model_.end());
  }
  void expect_model_after_reopening() {
    ASSERT_TRUE(store_->close().ok());
    const VerifyReport report = verify_directory(seams(), kPath, {}).value();
    for (const Finding& finding : report.findings) {
      ADD_FAILURE() << finding.file << " at " << finding.offset << ": " << finding.problem;
    }
    open();
    expect_model();
  }

  CrashFileSystem disk_;
  ManualClock clock_;
  SeededRandom random_{42};
  ManualExecutor executor_;
  Options options_;
  std::unique_ptr<EngineStore> store_;
  std::map<Bytes, Bytes> model_;
};

TEST_P(FullDiskTest, RemovalsGoOnAndCompactionMakesRoomForPuts) {
  fill();
  if (HasFatalFailure()) return;
  // Until here nothing had to be given up.
  EXPECT_EQ(disk_.read_file(kReservePath).value().size(), kMiB);
  const auto keys = static_cast<int>(model_.size());
  for (int i = 0; i < keys - 20; ++i) {
    const Status removed = remove(key_of(i));
    ASSERT_TRUE(removed.ok()) << i << ": " << removed.to_string();
  }
  expect_model();
  const Status compacted = store_->compact();
  ASSERT_TRUE(compacted.ok()) << compacted.to_string();
  EXPECT_EQ(disk_.read_file(kReservePath).value().size(), kMiB);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(key_of(i), Bytes(10'000, 'z')).ok()) << i;
  expect_model();
  expect_model_after_reopening();
}

TEST_P(FullDiskTest, NothingIsPutWhileTheReserveIsInUse) {
  fill();
  if (HasFatalFailure()) return;
  // Removals take what little is left, until the reserve is needed.
  int i = 0;
  while (!disk_.read_file(kReservePath).value().empty()) ASSERT_TRUE(remove(key_of(i++)).ok());
  const auto expect_refused = [&](const Status& status) {
    EXPECT_EQ(status.code(), Code::exhausted) << status.to_string();
    EXPECT_NE(status.message().find("held back"), BytesView::npos) << status.to_string();
  };
  expect_refused(put("tiny", "t"));
  expect_refused(store_->commit(Batch().remove("key1").put("tiny", "t"), nullptr).status());
  expect_refused(store_->apply(1'000'000, Batch().put("tiny", "t")).status());
  expect_refused(store_->put(Space::user, "large", Bytes(2 * kMiB, 'x')).status());
  expect_refused(store_->write_value().status());
  ASSERT_TRUE(store_->commit(Batch().remove(key_of(i)).remove(key_of(i + 1)), nullptr).ok());
  model_.erase(key_of(i));
  model_.erase(key_of(i + 1));
  for (int steps = 0; steps < 3; ++steps) step();
  expect_refused(put("tiny", "t"));
  disk_.set_capacity(CrashFileSystem::kUnlimited);
  step();
  EXPECT_EQ(disk_.read_file(kReservePath).value().size(), kMiB);
  ASSERT_TRUE(put("tiny", "t").ok());
  expect_model();
  expect_model_after_reopening();
}

// All that is of use, a third of each segment, is more than was held back.
TEST_P(FullDiskTest, CompactionGoesOnInWhatRemovalsLeftOfTheReserve) {
  disk_.set_capacity(8 * kMiB);
  open();
  ASSERT_TRUE(put("first", "value").ok());
  step();
  const auto key_for = [](int number) { return number % 3 == 0 ? key_of(number) : Bytes("same"); };
  int number = 0;
  while (put(key_for(number), Bytes(10'000, 'v')).ok()) ++number;
  while (put("small", "value").ok()) {
  }
  ASSERT_GT(store_->stats().live_bytes, 2 * kMiB);
  for (int i = 0; reserve_bytes() > 0; i += 3) ASSERT_TRUE(remove(key_of(i)).ok());
  const Status compacted = store_->compact();
  ASSERT_TRUE(compacted.ok()) << compacted.to_string();
  EXPECT_EQ(reserve_bytes(), kMiB);
  EXPECT_LT(store_->stats().disk_bytes, 4 * kMiB);
  expect_model();
  expect_model_after_reopening();
}

TEST_P(FullDiskTest, AValueThatIsBeingWrittenStopsWhenTheReserveIsGivenUp) {
  fill();
  if (HasFatalFailure()) return;
  ValueWriter writer = store_->write_value().value();
  for (int i = 0; !disk_.read_file(kReservePath).value().empty(); ++i) {
    ASSERT_TRUE(remove(key_of(i)).ok());
  }
  EXPECT_EQ(writer.append(Bytes(3 * kMiB, 'x')).code(), Code::exhausted);
  EXPECT_EQ(writer.append("more").code(), Code::exhausted);
}

TEST_P(FullDiskTest, AStoreThatWasKilledOpensAndCanBeEmptied) {
  fill();
  if (HasFatalFailure()) return;
  store_.reset();
  disk_.kill_process();
  // Not a byte is left, not even for a manifest.
  disk_.set_capacity(bytes_in_use());
  open();
  if (HasFatalFailure()) return;
  expect_model();
  EXPECT_EQ(put("tiny", "t").code(), Code::exhausted);
  for (int i = 0; model_.contains(key_of(i)); ++i) {
    const Status removed = remove(key_of(i));
    ASSERT_TRUE(removed.ok()) << i << ": " << removed.to_string();
  }
  ASSERT_TRUE(store_->compact().ok());
  ASSERT_TRUE(put("tiny", "t").ok());
  expect_model_after_reopening();
}

TEST_P(FullDiskTest, ReadersAndReadOnlyOpensLeaveTheReserveAlone) {
  fill();
  if (HasFatalFailure()) return;
  // There is no room for a last manifest. All is there all the same.
  EXPECT_EQ(store_->close().code(), Code::exhausted);
  store_.reset();
  disk_.reset_calls();
  options_.read_only = true;
  open();
  executor_.step_all();
  expect_model();
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(disk_.calls().allocates, 0U);
  EXPECT_EQ(disk_.read_file(kReservePath).value().size(), kMiB);
  options_.read_only = false;
}

// --- The memory budget on a full disk ------------------------------------------------------------

class FullDiskBudget : public FullDiskTest {
 protected:
  // More keys than the budget has room for, none of them in a run.
  void fill_with_keys() {
    options_.segment_bytes = 32 * kMiB;
    options_.memory_budget = kMemoryBudgetMin;
    options_.checkpoint_bytes = 0;
    options_.compaction_interval = std::chrono::milliseconds(0);
    disk_.set_capacity(10 * kMiB);
    open();
    ASSERT_TRUE(put("first", "value").ok());
    step();
    ASSERT_EQ(reserve_bytes(), 4 * kMiB);
    for (int i = 0;;) {
      Batch batch;
      const int end = i + 100;
      for (; i < end; ++i) batch.put(key_of(i), Bytes(100, static_cast<char>('a' + i % 26)));
      if (!store_->commit(batch, nullptr).ok()) break;
      for (int k = end - 100; k < end; ++k)
        model_[key_of(k)] = Bytes(100, static_cast<char>('a' + k % 26));
    }
    while (put("small", "value").ok()) {
    }
    ASSERT_GT(store_->stats().index_bytes, kMemoryBudgetMin);
  }
};

TEST_P(FullDiskBudget, GetsItsCheckpointInTheReserve) {
  fill_with_keys();
  if (HasFatalFailure()) return;
  ASSERT_EQ(store_->stats().checkpoints, 0U);
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(store_->stats().checkpoints, 1U);
  // All that is there is of use, so there is no room to hold back again.
  EXPECT_EQ(reserve_bytes(), 0U);
  EXPECT_EQ(put("small", "again").code(), Code::exhausted);
  EXPECT_TRUE(remove(key_of(1)).ok());
  expect_model();
  expect_model_after_reopening();
}

TEST_P(FullDiskBudget, ThatTheReserveDoesNotReachForIsExceededAndNothingElse) {
  fill_with_keys();
  if (HasFatalFailure()) return;
  // So that giving the reserve up gives no room.
  disk_.set_capacity(bytes_in_use() - reserve_bytes());
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(store_->stats().checkpoints, 0U);
  EXPECT_GT(store_->stats().index_bytes, kMemoryBudgetMin);
  EXPECT_EQ(put("small", "again").code(), Code::exhausted);
  expect_model();
  disk_.set_capacity(CrashFileSystem::kUnlimited);
  for (int i = 0; i < 2; ++i) step();
  EXPECT_EQ(store_->stats().checkpoints, 1U);
  EXPECT_TRUE(put("small", "again").ok());
  expect_model_after_reopening();
}

INSTANTIATE_TEST_SUITE_P(SyncModes, FullDiskBudget,
                         testing::Values(SyncMode::always, SyncMode::never),
                         [](const auto& mode) { return std::string(sync_mode_name(mode.param)); });

INSTANTIATE_TEST_SUITE_P(SyncModes, FullDiskTest,
                         testing::Values(SyncMode::always, SyncMode::interval, SyncMode::never),
                         [](const auto& mode) { return std::string(sync_mode_name(mode.param)); });

}  // namespace
}  // namespace talea
