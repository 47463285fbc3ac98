// Backups: made beside a running store, restored to any batch they hold, and never taken for whole
// when they are not.
#include "engine/backup.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "base/executor.h"
#include "base/random.h"
#include "engine/backup_object.h"
#include "engine/engine_store.h"
#include "engine/restore.h"
#include "engine/verify.h"
#include "io/crash_file_system.h"
#include "store/state_stream.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr const char* kPath = "store";
constexpr const char* kTarget = "backups";
constexpr const char* kCopy = "copy";

class BackupTest : public testing::Test {
 protected:
  BackupTest() {
    options_.segment_bytes = 64 * kKiB;
    options_.sync = SyncMode::never;
    options_.compaction_interval = milliseconds(0);
    options_.compress_from_bytes = 200;
    store_ = open(kPath);
    target_ = open_backup_directory(disk_, kTarget).value();
  }
  Seams seams() { return {disk_, clock_, random_, executor_}; }
  std::unique_ptr<EngineStore> open(const std::string& path) {
    auto opened = EngineStore::open(seams(), path, options_);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return opened.ok() ? std::move(opened).value() : nullptr;
  }
  static StateHash hash(EngineStore& store) {
    return hash_state(*store.read_state().value()).value();
  }
  // Some of everything a store may hold.
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      const Bytes key = "key" + std::to_string(random_.next_u64() % 60);
      switch (random_.next_u64() % 6) {
        case 0: store_->remove(Space::user, key).value(); break;
        case 1:
          store_->commit(Batch().put(key, "expires", Expiry::at(4'000'000'000'000)), nullptr)
              .value();
          break;
        case 2:
          store_
              ->commit(Batch().put(key, "b").put(key + "x", "c").put("in", key, Space{9}), nullptr)
              .value();
          break;
        default: store_->put(Space::user, key, Bytes(random_.next_u64() % 3000, 'v')).value();
      }
    }
  }
  void put_large(BytesView key, char byte) {
    store_->put(Space::user, key, Bytes(kInlineValueBytesMax + 5000, byte)).value();
  }
  BackupInfo back_up() {
    const auto made = store_->backup(*target_, {});
    EXPECT_TRUE(made.ok()) << made.status().to_string();
    return made.ok() ? *made : BackupInfo();
  }
  // Restores, compares the hash, and removes the store again.
  void expect_restored(const StateHash& expected, Sequence at = 0) {
    const auto restored =
        restore_backup(seams(), *target_, kCopy, {.at_sequence = at, .progress = {}});
    ASSERT_TRUE(restored.ok()) << restored.status().to_string();
    EXPECT_TRUE(verify_directory(seams(), kCopy, {}).value().findings.empty());
    auto copy = open(kCopy);
    ASSERT_NE(copy, nullptr);
    EXPECT_EQ(hash(*copy), expected);
    EXPECT_EQ(copy->stats().last_sequence, restored->last_sequence);
    if (at != 0) {
      EXPECT_EQ(restored->last_sequence, at);
    }
    // It can be written, and opened again.
    ASSERT_EQ(copy->put(Space::user, "new", "value").value(), restored->last_sequence + 1);
    ASSERT_TRUE(copy->close().ok());
    copy = open(kCopy);
    ASSERT_EQ(copy->get_value(Space::user, "new").value(), "value");
    copy.reset();
    remove_copy();
  }
  void remove_copy() {
    if (!disk_.exists(kCopy).value()) return;
    for (const std::string& name : disk_.list(kCopy).value()) {
      ASSERT_TRUE(disk_.remove(join_path(kCopy, name)).ok());
    }
  }
  Status restore_status(const RestoreOptions& options = {}) {
    return restore_backup(seams(), *target_, kCopy, options).status();
  }
  bool copy_is_a_store() {
    return disk_.exists(kCopy).value() && disk_.exists(join_path(kCopy, kManifestName)).value();
  }

  CrashFileSystem disk_;
  ManualClock clock_;
  SeededRandom random_{7};
  ManualExecutor executor_;
  Options options_;
  std::unique_ptr<EngineStore> store_;
  std::unique_ptr<BackupTarget> target_;
};

TEST_F(BackupTest, IsTheStoreAsItWas) {
  fill(200);
  put_large("large", 'a');
  ASSERT_TRUE(store_->checkpoint().ok());
  fill(200);
  ASSERT_TRUE(store_->compact().ok());
  put_large("larger", 'b');
  fill(50);
  const StateHash expected = hash(*store_);
  const Sequence last = store_->stats().last_sequence;
  const BackupInfo made = back_up();
  EXPECT_EQ(made.last_sequence, last);
  EXPECT_EQ(made.files_copied, made.files);
  EXPECT_EQ(made.bytes_copied, made.bytes);
  fill(100);  // is none of its business
  expect_restored(expected);
  EXPECT_TRUE(verify_backups(*target_, {}).ok());
  const auto listed = list_backups(*target_).value();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].last_sequence, last);
}

TEST_F(BackupTest, OfAnEmptyStoreIsOne) {
  const StateHash expected = hash(*store_);
  back_up();
  expect_restored(expected);
}

TEST_F(BackupTest, CostsWhatChangedSinceTheLastOne) {
  fill(600);
  const BackupInfo first = back_up();
  const BackupInfo same = back_up();
  EXPECT_EQ(same.files_copied, 0U);
  EXPECT_EQ(same.bytes_copied, 0U);
  fill(20);
  const BackupInfo second = back_up();
  EXPECT_EQ(second.files_copied, 1U);
  EXPECT_LT(second.bytes_copied, first.bytes / 4);
  EXPECT_EQ(list_backups(*target_).value().size(), 2U) << "the same batch is the same backup";
  put_large("grows", 'a');
  back_up();
  put_large("with the file", 'b');  // into the same segment
  const StateHash expected = hash(*store_);
  back_up();
  expect_restored(expected);
  EXPECT_TRUE(verify_backups(*target_, {}).ok());
}

TEST_F(BackupTest, IsRestoredToAnyBatchThatItHolds) {
  fill(100);
  put_large("large", 'x');
  ASSERT_TRUE(store_->compact().ok());
  std::map<Sequence, StateHash> states;
  for (int i = 0; i < 40; ++i) {
    states[store_->stats().last_sequence] = hash(*store_);
    fill(1);
    if (i == 20) put_large("large", 'y');
  }
  states[store_->stats().last_sequence] = hash(*store_);
  const BackupInfo made = back_up();
  EXPECT_EQ(made.first_sequence, states.begin()->first);
  for (const auto& [sequence, state] : states) {
    SCOPED_TRACE(sequence);
    ASSERT_NO_FATAL_FAILURE(expect_restored(state, sequence));
  }
  const Status before = restore_status({.at_sequence = made.first_sequence - 1, .progress = {}});
  EXPECT_EQ(before.code(), Code::not_found);
  EXPECT_NE(before.message().find(std::to_string(made.first_sequence) + " to " +
                                  std::to_string(made.last_sequence)),
            BytesView::npos)
      << before.to_string();
  EXPECT_EQ(restore_status({.at_sequence = made.last_sequence + 1, .progress = {}}).code(),
            Code::not_found);
  EXPECT_FALSE(copy_is_a_store());
}

// Somebody else does something whenever an object is written.
class InterruptedTarget final : public BackupTarget {
 public:
  InterruptedTarget(BackupTarget& target, std::function<void(const std::string& name)> interruption)
      : target_(target), interruption_(std::move(interruption)) {}
  Result<std::vector<std::string>> list() override { return target_.list(); }
  Status write(const std::string& name, const StateSource& source) override {
    interruption_(name);
    return target_.write(name, source);
  }
  Status read(const std::string& name, const StateSink& sink) override {
    return target_.read(name, sink);
  }
  Status remove(const std::string& name) override { return target_.remove(name); }

 private:
  BackupTarget& target_;
  std::function<void(const std::string& name)> interruption_;
};

TEST_F(BackupTest, MayBeMadeWhileTheStoreIsWrittenAndCompacted) {
  fill(400);
  put_large("large", 'a');
  ASSERT_TRUE(store_->checkpoint().ok());
  fill(100);
  const StateHash expected = hash(*store_);
  const std::uint64_t files_before = disk_.list(kPath).value().size();
  InterruptedTarget interrupted(*target_, [&](const std::string&) {
    fill(60);
    put_large("large", 'b');
    ASSERT_TRUE(store_->compact().ok());
    ASSERT_TRUE(store_->checkpoint().ok());
    executor_.step_all();
  });
  ASSERT_TRUE(store_->backup(interrupted, {}).ok());
  expect_restored(expected);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store_->compact().ok());
    executor_.step_all();
  }
  EXPECT_LE(disk_.list(kPath).value().size(), files_before + 4) << "what was held back goes then";
}

TEST_F(BackupTest, ReportsHowFarItIs) {
  fill(300);
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  const auto watch = [&](std::uint64_t done, std::uint64_t of) {
    EXPECT_GE(done, last);
    last = done;
    total = of;
  };
  const BackupInfo made = store_->backup(*target_, watch).value();
  EXPECT_EQ(last, made.bytes);
  EXPECT_EQ(total, made.bytes);
  last = 0;
  ASSERT_TRUE(restore_status({.at_sequence = 0, .progress = watch}).ok());
  EXPECT_EQ(last, made.bytes);
  last = 0;
  ASSERT_TRUE(verify_backups(*target_, watch).ok());
  EXPECT_EQ(last, made.bytes);
}

TEST_F(BackupTest, NeverGoesOverAStore) {
  fill(10);
  back_up();
  ASSERT_TRUE(restore_status().ok());
  const Status over = restore_status();
  EXPECT_EQ(over.code(), Code::invalid_argument);
  EXPECT_NE(over.message().find("not empty"), BytesView::npos);
  EXPECT_EQ(restore_backup(seams(), *target_, kPath, {}).status().code(), Code::invalid_argument);
}

TEST_F(BackupTest, OfAnotherStoreIsRefused) {
  fill(10);
  back_up();
  auto other = open("other");
  other->put(Space::user, "key", "value").value();
  const Status refused = other->backup(*target_, {}).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_NE(refused.message().find("another store"), BytesView::npos);
  EXPECT_EQ(list_backups(*target_).value().size(), 1U);
}

// Two stores that were restored from one backup have one id, and go different ways.
TEST_F(BackupTest, OfATwinIsRefused) {
  fill(10);
  back_up();
  ASSERT_TRUE(restore_status().ok());
  auto twin = open(kCopy);
  for (int i = 0; i < 20; ++i) twin->put(Space::user, "twin" + std::to_string(i), "value").value();
  fill(100);
  back_up();
  const Status refused = twin->backup(*target_, {}).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_NE(refused.message().find("goes another way"), BytesView::npos) << refused.to_string();
}

// The natural course after a disaster: back to an earlier batch, and on.
TEST_F(BackupTest, OfAStoreThatWasRestoredToAnEarlierBatchHarmsNoOther) {
  for (int i = 0; i < 100; ++i) store_->put(Space::user, std::to_string(i), "value").value();
  const StateHash expected = hash(*store_);
  back_up();
  ASSERT_TRUE(restore_status({.at_sequence = 50, .progress = {}}).ok());
  auto restored = open(kCopy);
  for (int i = 0; i < 60; ++i) restored->put(Space::user, "new" + std::to_string(i), "v").value();
  EXPECT_EQ(restored->backup(*target_, {}).status().code(), Code::invalid_argument);
  EXPECT_TRUE(verify_backups(*target_, {}).ok());
  restored.reset();
  remove_copy();
  expect_restored(expected);
}

// Its log has the rows that were left, and not what led to them.
TEST_F(BackupTest, OfARestoredStateGoesBackToItAndNoFurther) {
  fill(100);
  Bytes stream;
  ASSERT_TRUE(write_state_stream(*store_->read_state().value(), [&](BytesView piece) {
                stream += piece;
                return Status();
              }).ok());
  const Sequence last = store_->stats().last_sequence;
  store_.reset();
  BytesView left = stream;
  auto state = StateStreamReader::open([&](char* out, std::size_t wanted) -> Result<std::size_t> {
                 const std::size_t count = left.copy(out, wanted);
                 left.remove_prefix(count);
                 return count;
               }).value();
  ASSERT_TRUE(restore_directory(seams(), "state", options_, *state).ok());
  store_ = open("state");
  EXPECT_EQ(back_up().first_sequence, last);
  const StateHash expected = hash(*store_);
  fill(30);
  EXPECT_EQ(back_up().first_sequence, last);
  expect_restored(expected, last);
}

// Writers go on between the making of the next segment and the cut.
TEST_F(BackupTest, SaysTheFirstBatchRightWhereSegmentsWerePrepared) {
  for (int round = 0; round < 6; ++round) {
    fill(80);
    executor_.step_all();
    if (round % 2 == 0) {
      ASSERT_TRUE(store_->checkpoint().ok());
    }
  }
  const BackupInfo made = back_up();
  for (const Sequence at : {made.first_sequence, made.first_sequence + 1}) {
    ASSERT_TRUE(restore_status({.at_sequence = at, .progress = {}}).ok());
    auto copy = open(kCopy);
    {
      Scan rows = copy->scan(Space::user, {}).value();
      while (rows.next().value()) ASSERT_LE(rows.revision().value(), at);
    }
    copy.reset();
    remove_copy();
  }
}

TEST_F(BackupTest, ThatIsDamagedMakesNoStore) {
  fill(200);
  put_large("large", 'a');
  ASSERT_TRUE(store_->checkpoint().ok());
  fill(50);
  const BackupInfo made = back_up();
  std::size_t files = 0;
  for (const std::string& name : disk_.list(kTarget).value()) {
    SCOPED_TRACE(name);
    const std::string path = join_path(kTarget, name);
    const Bytes whole = disk_.read_file(path).value();
    for (const int how : {0, 1, 2}) {
      if (how == 0) {
        ASSERT_TRUE(disk_.remove(path).ok());
      } else {
        Bytes damaged = whole;
        if (how == 1) damaged[random_.next_u64() % whole.size()] ^= 1;
        if (how == 2) damaged.pop_back();
        ASSERT_TRUE(disk_.write_file(path, damaged).ok());
      }
      const Status restored = restore_status();
      const bool is_object = parse_backup_name(name).has_value();
      EXPECT_EQ(restored.code(), is_object && how == 0 ? Code::not_found : Code::corruption);
      EXPECT_FALSE(copy_is_a_store());
      if (!(is_object && how == 0)) {
        EXPECT_NE(restored.message().find(name), BytesView::npos) << restored.to_string();
        EXPECT_EQ(verify_backups(*target_, {}).code(), Code::corruption);
      }
      ASSERT_TRUE(disk_.write_file(path, whole).ok());
      remove_copy();
    }
    ++files;
  }
  EXPECT_EQ(files, made.files + 1);
  EXPECT_TRUE(restore_status().ok());
}

TEST_F(BackupTest, APlaceThatIsNotThereIsMadeByTheFirstBackupAlone) {
  EXPECT_EQ(list_backups(*target_).status().code(), Code::not_found);
  EXPECT_EQ(verify_backups(*target_, {}).code(), Code::not_found);
  EXPECT_EQ(prune_backups(*target_, 1).status().code(), Code::not_found);
  EXPECT_EQ(restore_status().code(), Code::not_found);
  EXPECT_FALSE(disk_.exists(kTarget).value());
  back_up();
  EXPECT_EQ(list_backups(*target_).value().size(), 1U);
}

TEST_F(BackupTest, IsNotPutIntoAStore) {
  const auto inside = open_backup_directory(disk_, kPath).value();
  const Status refused = store_->backup(*inside, {}).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_NE(refused.message().find("directory of a store"), BytesView::npos);
}

TEST_F(BackupTest, OfWhichTheRecordIsDamagedHarmsNoOther) {
  std::vector<StateHash> states;
  std::vector<BackupInfo> made;
  for (int i = 0; i < 4; ++i) {
    fill(100);
    states.push_back(hash(*store_));
    made.push_back(back_up());
  }
  std::vector<std::string> names;
  for (const std::string& name : disk_.list(kTarget).value()) {
    if (parse_backup_name(name)) names.push_back(name);
  }
  ASSERT_EQ(names.size(), 4U);
  for (const std::size_t damaged : {0U, 2U}) {
    const std::string path = join_path(kTarget, names[damaged]);
    Bytes bytes = disk_.read_file(path).value();
    bytes[bytes.size() / 2] ^= 1;
    ASSERT_TRUE(disk_.write_file(path, bytes).ok());
  }

  const std::vector<BackupInfo> listed = list_backups(*target_).value();
  ASSERT_EQ(listed.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(listed[i].last_sequence, made[i].last_sequence);
    EXPECT_EQ(listed[i].problem.empty(), i % 2 == 1) << listed[i].problem;
  }
  EXPECT_NE(listed[0].problem.find(names[0]), std::string::npos) << listed[0].problem;
  EXPECT_EQ(verify_backups(*target_, {}).code(), Code::corruption);

  fill(100);
  states.push_back(hash(*store_));
  back_up();
  // The three that are intact are kept, and of the damaged ones that between them.
  prune_backups(*target_, 3).value();
  EXPECT_EQ(list_backups(*target_).value().size(), 4U);
  prune_backups(*target_, 1).value();
  ASSERT_EQ(list_backups(*target_).value().size(), 1U);
  ASSERT_TRUE(verify_backups(*target_, {}).ok());
  ASSERT_TRUE(restore_status().ok());
  EXPECT_EQ(hash(*open(kCopy)), states.back());
}

TEST_F(BackupTest, PruningKeepsWhatTheNewestNeed) {
  std::vector<StateHash> states;
  for (int i = 0; i < 5; ++i) {
    fill(150);
    ASSERT_TRUE(store_->compact().ok());
    states.push_back(hash(*store_));
    back_up();
  }
  EXPECT_EQ(prune_backups(*target_, 0).status().code(), Code::invalid_argument);
  EXPECT_EQ(list_backups(*target_).value().size(), 5U);
  EXPECT_GT(prune_backups(*target_, 2).value(), 3U) << "three objects, and files";
  EXPECT_EQ(prune_backups(*target_, 2).value(), 0U);
  const auto left = list_backups(*target_).value();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_TRUE(verify_backups(*target_, {}).ok());
  expect_restored(states[4]);
  expect_restored(states[3], left[0].last_sequence);
}

std::vector<std::string> names_in(BackupTarget& target) { return target.list().value(); }

TEST_F(BackupTest, APruneMeanwhileTakesNothingThatTheBackupNeeds) {
  std::uint64_t writes = 0;
  for (std::uint64_t at = 1; at == 1 || at <= writes; ++at) {
    SCOPED_TRACE(at);
    fill(100);
    back_up();
    fill(100);
    ASSERT_TRUE(store_->compact().ok());
    const StateHash expected = hash(*store_);
    std::uint64_t count = 0;
    InterruptedTarget pruned(*target_, [&](const std::string&) {
      if (++count == at) {
        EXPECT_TRUE(prune_backups(*target_, 1).ok());
      }
    });
    const auto made = store_->backup(pruned, {});
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    writes = count;
    const Status verified = verify_backups(*target_, {});
    ASSERT_TRUE(verified.ok()) << verified.to_string();
    ASSERT_NO_FATAL_FAILURE(expect_restored(expected));
  }
  EXPECT_GE(writes, 3U) << "that it was begun, a file, and its record";
}

// A prune that listed the place before the backup began takes leftovers away whenever it comes to
// it.
TEST_F(BackupTest, WhatIsTakenAwayMeanwhileIsCopiedAgain) {
  for (const bool at_the_record : {false, true}) {
    fill(300);
    put_large("large", 'a');
    std::uint64_t writes = 0;
    std::uint64_t removed = 0;
    InterruptedTarget thief(*target_, [&](const std::string& name) {
      const bool is_now = at_the_record ? parse_backup_name(name).has_value() : ++writes == 3;
      if (!is_now) return;
      for (const std::string& file : names_in(*target_)) {
        if (parse_backup_name(file) || parse_begun_backup_name(file)) continue;
        EXPECT_TRUE(target_->remove(file).ok());
        ++removed;
      }
    });
    const StateHash expected = hash(*store_);
    const auto made = store_->backup(thief, {});
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    EXPECT_GT(removed, 0U);
    EXPECT_TRUE(verify_backups(*target_, {}).ok());
    expect_restored(expected);
    target_ = open_backup_directory(disk_, "another").value();
  }
}

// Somebody's rule that removes old objects, or a mistaken hand.
TEST_F(BackupTest, AFileThatAnEarlierBackupLostIsCopiedAgain) {
  fill(300);
  put_large("large", 'a');
  const BackupInfo first = back_up();
  std::vector<std::string> files = names_in(*target_);
  std::erase_if(files, [](const std::string& name) { return parse_backup_name(name).has_value(); });
  ASSERT_EQ(files.size(), first.files);
  for (const std::string& name : files) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(target_->remove(name).ok());
    EXPECT_EQ(verify_backups(*target_, {}).code(), Code::corruption);
    EXPECT_EQ(back_up().files_copied, name == files.front() ? 1U : 2U)
        << "with what was written since";
    EXPECT_TRUE(verify_backups(*target_, {}).ok());
    fill(1);
  }
}

TEST_F(BackupTest, LeftoversGoWhenNoBackupIsBeingMade) {
  fill(100);
  back_up();
  ASSERT_TRUE(target_->write("0000009999.log", [](char*, std::size_t) { return 0U; }).ok());
  ASSERT_TRUE(target_
                  ->write(begun_backup_name(store_->stats().last_sequence + 1),
                          [](char*, std::size_t) { return 0U; })
                  .ok());
  EXPECT_EQ(prune_backups(*target_, 1).value(), 0U) << "it may be the file of that backup";
  fill(100);
  back_up();
  EXPECT_EQ(prune_backups(*target_, 2).value(), 2U) << "that one was interrupted";
  EXPECT_TRUE(verify_backups(*target_, {}).ok());
}

// The place is there; only the record went away, with the pruning of somebody else.
TEST_F(BackupTest, ARecordThatIsPrunedWhileItIsReadIsNotTheAbsenceOfThePlace) {
  class Pruned final : public BackupTarget {
   public:
    explicit Pruned(BackupTarget& target) : target_(target) {}
    Result<std::vector<std::string>> list() override { return target_.list(); }
    Status write(const std::string& name, const StateSource& source) override {
      return target_.write(name, source);
    }
    Status read(const std::string& name, const StateSink& sink) override {
      if (!std::exchange(pruned_, true)) {
        EXPECT_TRUE(target_.remove(name).ok());
      }
      return target_.read(name, sink);
    }
    Status remove(const std::string& name) override { return target_.remove(name); }

   private:
    BackupTarget& target_;
    bool pruned_ = false;
  };
  fill(100);
  back_up();
  fill(100);
  back_up();
  Pruned pruned(*target_);
  auto other = open("other");
  other->put(Space::user, "key", "value").value();
  const Status refused = other->backup(pruned, {}).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument) << "the second backup was looked at";
  EXPECT_NE(refused.message().find("another store"), BytesView::npos);
}

// Whatever call fails, and whatever a power cut then leaves: a backup that is listed is whole, and
// the next one succeeds.
TEST_F(BackupTest, StoppedAtAnyCallLeavesWholeBackupsOnly) {
  fill(60);
  const StateHash first = hash(*store_);
  ASSERT_TRUE(store_->sync().ok());
  const BackupInfo made_first = back_up();
  fill(30);
  ASSERT_TRUE(store_->compact().ok());
  put_large("large", 'a');
  ASSERT_TRUE(store_->close().ok());
  store_.reset();
  const auto world = disk_.clone();
  int stopped = 0;
  for (const auto fault : {CrashFileSystem::Fault::crash, CrashFileSystem::Fault::disk_full}) {
    for (std::uint64_t call = 1;; ++call) {
      SCOPED_TRACE(call);
      const auto disk = world->clone();
      Seams seams{*disk, clock_, random_, executor_};
      auto store = EngineStore::open(seams, kPath, options_).value();
      auto target = open_backup_directory(*disk, kTarget).value();
      disk->fail_at(call, fault);
      const auto made = store->backup(*target, {});
      const bool fired = disk->faults_fired() > 0;
      store.reset();
      if (disk->crashed()) disk->power_cut(call);
      disk->clear_faults();
      target = open_backup_directory(*disk, kTarget).value();
      const auto listed = list_backups(*target);
      ASSERT_TRUE(listed.ok()) << listed.status().to_string();
      ASSERT_GE(listed->size(), made.ok() ? 2U : 1U);
      ASSERT_TRUE(verify_backups(*target, {}).ok());
      if (listed->size() == 1) {
        ASSERT_TRUE(restore_backup(seams, *target, kCopy, {}).ok());
        auto copy = EngineStore::open(seams, kCopy, options_).value();
        ASSERT_EQ(hash(*copy), first);
        ASSERT_EQ(copy->stats().last_sequence, made_first.last_sequence);
      }
      auto again = EngineStore::open(seams, kPath, options_).value();
      ASSERT_TRUE(again->backup(*target, {}).ok());
      ASSERT_TRUE(verify_backups(*target, {}).ok());
      if (!fired) break;
      ++stopped;
    }
  }
  EXPECT_GT(stopped, 40);
}

TEST_F(BackupTest, ARestoreThatStopsLeavesNoStore) {
  fill(60);
  put_large("large", 'a');
  const StateHash expected = hash(*store_);
  ASSERT_TRUE(store_->sync().ok());
  back_up();
  store_.reset();
  const auto world = disk_.clone();
  int stopped = 0;
  for (const auto fault : {CrashFileSystem::Fault::crash, CrashFileSystem::Fault::disk_full}) {
    for (std::uint64_t call = 1;; ++call) {
      SCOPED_TRACE(call);
      const auto disk = world->clone();
      Seams seams{*disk, clock_, random_, executor_};
      auto target = open_backup_directory(*disk, kTarget).value();
      disk->fail_at(call, fault);
      const auto restored = restore_backup(seams, *target, kCopy, {});
      const bool fired = disk->faults_fired() > 0;
      if (disk->crashed()) disk->power_cut(call);
      disk->clear_faults();
      const bool exists = disk->exists(kCopy).value();
      const bool is_store = exists && disk->exists(join_path(kCopy, kManifestName)).value();
      ASSERT_TRUE(is_store || !restored.ok()) << "it was said to be there";
      if (is_store) {
        auto copy = EngineStore::open(seams, kCopy, options_);
        ASSERT_TRUE(copy.ok()) << copy.status().to_string();
        ASSERT_EQ(hash(**copy), expected);
      } else if (exists) {
        auto copy = EngineStore::open(seams, kCopy, options_);
        if (copy.ok()) {
          ASSERT_EQ((*copy)->stats().last_sequence, 0U) << "half of it";
        }
      }
      if (!fired) break;
      ++stopped;
    }
  }
  EXPECT_GT(stopped, 20);
}

TEST(BackupObjectTest, AnyFlippedBitOrCutIsRefused) {
  BackupObject backup;
  backup.manifest.next_file_id = 9;
  backup.manifest.generation = 3;
  backup.last_sequence = backup.manifest.last_sequence = 700;
  backup.manifest.add({.kind = SegmentKind::log,
                       .id = 3,
                       .sealed = true,
                       .bytes = 5000,
                       .entries = 4,
                       .first_sequence = 600,
                       .last_sequence = 700});
  backup.first_sequence = 599;
  backup.time_ms = 12345;
  backup.files.push_back({.id = 3, .kind = 1, .bytes = 5000});
  backup.files[0].salt[3] = 9;
  const Bytes bytes = encode_backup(backup);
  ASSERT_EQ(decode_backup(bytes).value(), backup);
  EXPECT_EQ(backup.name(), "backup-00000000000000000700.talea");
  EXPECT_EQ(parse_backup_name(backup.name()), 700U);
  for (const char* name : {"backup-700.talea", "backup-0000000000000000070x.talea", "x",
                           "backup-00000000000000000700.talee"}) {
    EXPECT_FALSE(parse_backup_name(name).has_value()) << name;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    Bytes damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    EXPECT_FALSE(decode_backup(damaged).ok()) << at;
    EXPECT_FALSE(decode_backup(BytesView(bytes).substr(0, at)).ok()) << at;
  }
  // With a right digest.
  for (std::size_t at = 0; at + 32 < bytes.size(); ++at) {
    Bytes forged = bytes.substr(0, bytes.size() - 32);
    forged[at] = static_cast<char>(forged[at] ^ (1 << at % 8));
    const Sha256Digest digest = Sha256::of(forged);
    forged.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    const auto decoded = decode_backup(forged);
    if (!decoded.ok()) continue;
    EXPECT_EQ(encode_backup(*decoded), forged) << at;
  }
}

}  // namespace
}  // namespace talea
