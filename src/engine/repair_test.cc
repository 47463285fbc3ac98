// Repair: what is intact is kept, what is lost is told, and nothing is made up.
#include "engine/repair.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/executor.h"
#include "base/random.h"
#include "engine/engine_store.h"
#include "engine/verify.h"
#include "io/crash_file_system.h"
#include "store/state_stream.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr const char* kPath = "store";
constexpr const char* kRepaired = "repaired";

class RepairTest : public testing::Test {
 protected:
  RepairTest() {
    options_.segment_bytes = 64 * kKiB;
    options_.sync = SyncMode::always;
    options_.compaction_interval = milliseconds(0);
    options_.checkpoint_bytes = 0;
    options_.compress_from_bytes = 300;
    store_ = EngineStore::open(seams(disk_), kPath, options_).value();
  }
  Seams seams(CrashFileSystem& disk) { return {disk, clock_, random_, executor_}; }

  void put(const Bytes& key, const Bytes& value) {
    store_->put(Space::user, key, value).value();
    model_[key] = value;
    history_[key].insert(value);
  }
  void remove(const Bytes& key) {
    store_->remove(Space::user, key).value();
    model_.erase(key);
  }
  Bytes random_value() {
    Bytes value(random_.next_u64() % 500, '\0');
    const unsigned letters = random_.next_u64() % 2 == 0 ? 4 : 256;
    for (char& byte : value) byte = static_cast<char>(random_.next_u64() % letters);
    return value;
  }
  // Runs, data segments, extents, and a log behind the checkpoint.
  void fill() {
    for (int i = 0; i < 300; ++i) put("key" + std::to_string(i % 120), random_value());
    put("large", Bytes(kInlineValueBytesMax + 10'000, 'l'));
    for (int i = 0; i < 20; ++i) remove("key" + std::to_string(i));
    ASSERT_TRUE(store_->compact().ok());
    for (int i = 60; i < 160; ++i) put("key" + std::to_string(i), random_value());
    ASSERT_TRUE(store_->checkpoint().ok());
    for (int i = 100; i < 180; ++i) put("key" + std::to_string(i), random_value());
    for (int i = 150; i < 155; ++i) remove("key" + std::to_string(i));
    hash_ = hash_state(*store_->read_state().value()).value();
    ASSERT_TRUE(store_->close().ok());
    store_.reset();
  }
  Result<RepairReport> repair(CrashFileSystem& disk) {
    return repair_directory(seams(disk), kPath, kRepaired, options_);
  }
  // That the new store is sound, and has what the report says.
  void expect_sound(CrashFileSystem& disk, const RepairReport& report) {
    ASSERT_TRUE(verify_directory(seams(disk), kRepaired, {}).value().findings.empty());
    auto repaired = EngineStore::open(seams(disk), kRepaired, options_).value();
    ASSERT_EQ(hash_state(*repaired->read_state().value()).value(), report.state_hash);
    const std::set<Bytes> lost(report.lost_keys.begin(), report.lost_keys.end());
    const bool may_be_old = report.is_by_search || !report.lost_batches.empty();
    std::uint64_t kept = 0;
    Scan rows = repaired->scan(Space::user, {}).value();
    while (rows.next().value()) {
      ++kept;
      const Bytes key(rows.key());
      const Bytes value(rows.value().value());
      const auto expected = model_.find(key);
      if (expected != model_.end() && expected->second == value) continue;
      ASSERT_TRUE(may_be_old) << key << " has a value that it should not have";
      ASSERT_TRUE(history_[key].contains(value)) << key << " has a value that nobody put";
    }
    ASSERT_EQ(kept, report.keys_kept);
    for (const auto& [key, value] : model_) {
      if (repaired->get_value(Space::user, key).value().has_value()) continue;
      ASSERT_TRUE(lost.contains(key) || may_be_old) << key << " is gone without a word";
    }
    ASSERT_EQ(report.keys_lost, report.lost_keys.size());
  }
  static std::map<std::string, Bytes> files(CrashFileSystem& disk) {
    std::map<std::string, Bytes> content;
    for (const std::string& name : disk.list(kPath).value()) {
      content[name] = disk.read_file(join_path(kPath, name)).value();
    }
    return content;
  }

  CrashFileSystem disk_;
  ManualClock clock_;
  SeededRandom random_{11};
  ManualExecutor executor_;
  Options options_;
  std::unique_ptr<EngineStore> store_;
  std::map<Bytes, Bytes> model_;
  std::map<Bytes, std::set<Bytes>> history_;
  StateHash hash_{};
};

TEST_F(RepairTest, OfASoundStoreLosesNothing) {
  fill();
  const RepairReport report = repair(disk_).value();
  EXPECT_TRUE(report.found.findings.empty());
  EXPECT_EQ(report.keys_lost, 0U);
  EXPECT_TRUE(report.lost_batches.empty());
  EXPECT_FALSE(report.is_by_search);
  EXPECT_EQ(report.state_hash, hash_);
  EXPECT_EQ(report.keys_kept, model_.size());
  expect_sound(disk_, report);
}

TEST_F(RepairTest, AnyFlippedByteIsFoundAndTheRestKept) {
  fill();
  const auto whole = files(disk_);
  int lossless = 0;
  int searched = 0;
  int damaged = 0;
  for (const auto& [name, content] : whole) {
    if (name == "LOCK" || name == "RESERVE") continue;
    for (int round = 0; round < 12; ++round) {
      const auto disk = disk_.clone();
      const std::uint64_t at = round == 0 ? 20 : random_.next_u64() % content.size();
      SCOPED_TRACE(name + " at " + std::to_string(at));
      ASSERT_TRUE(disk->flip_bit(join_path(kPath, name), at, 5).ok());
      const auto before = files(*disk);
      const auto repaired = repair(*disk);
      ASSERT_TRUE(repaired.ok()) << repaired.status().to_string();
      ASSERT_EQ(files(*disk), before) << "the damaged store was changed";
      ASSERT_NO_FATAL_FAILURE(expect_sound(*disk, *repaired));
      damaged += !repaired->found.findings.empty();
      searched += repaired->is_by_search;
      lossless += repaired->state_hash == hash_;
      if (repaired->state_hash != hash_) {
        ASSERT_FALSE(repaired->found.findings.empty()) << "something is lost, and nothing wrong";
      }
    }
  }
  EXPECT_GT(damaged, 20);
  EXPECT_GT(searched, 0);
  EXPECT_GT(lossless, 0) << "damage to what nobody needs";
}

TEST_F(RepairTest, AMissingFileIsFoundAndTheRestKept) {
  fill();
  for (const auto& [name, content] : files(disk_)) {
    if (name == "LOCK" || name == "RESERVE") continue;
    SCOPED_TRACE(name);
    const auto disk = disk_.clone();
    ASSERT_TRUE(disk->remove(join_path(kPath, name)).ok());
    const auto repaired = repair(*disk);
    ASSERT_TRUE(repaired.ok()) << repaired.status().to_string();
    EXPECT_EQ(repaired->is_by_search, name == kManifestName || name.ends_with(".run"));
    EXPECT_FALSE(repaired->found.findings.empty());
    ASSERT_NO_FATAL_FAILURE(expect_sound(*disk, *repaired));
  }
}

TEST_F(RepairTest, ADamagedLogLosesTheBatchesThatItSays) {
  std::vector<Sequence> sequences;
  for (int i = 0; i < 50; ++i) put("key" + std::to_string(i), Bytes(100, 'v'));
  ASSERT_TRUE(store_->close().ok());
  store_.reset();
  const std::string log = join_path(kPath, "0000000001.log");
  const Bytes content = disk_.read_file(log).value();
  const std::size_t at = content.find("key20");
  ASSERT_TRUE(disk_.flip_bit(log, at, 0).ok());
  const RepairReport report = repair(disk_).value();
  ASSERT_EQ(report.lost_batches.size(), 1U);
  EXPECT_EQ(report.lost_batches[0].first, 21U);
  EXPECT_EQ(report.lost_batches[0].last, 21U);
  EXPECT_EQ(report.keys_kept, 49U);
  expect_sound(disk_, report);
}

TEST_F(RepairTest, ATornTailIsNoLoss) {
  for (int i = 0; i < 30; ++i) put("key" + std::to_string(i), Bytes(100, 'v'));
  store_.reset();  // as after a crash
  Bytes log = disk_.read_file(join_path(kPath, "0000000001.log")).value();
  const std::size_t end = log.find_last_not_of('\0') + 1;
  log.replace(end, 7, "garbage");
  ASSERT_TRUE(disk_.write_file(join_path(kPath, "0000000001.log"), log).ok());
  const RepairReport report = repair(disk_).value();
  EXPECT_TRUE(report.lost_batches.empty());
  EXPECT_EQ(report.keys_kept, 30U);
  expect_sound(disk_, report);
}

TEST_F(RepairTest, NeverGoesOverAStore) {
  fill();
  ASSERT_TRUE(repair(disk_).ok());
  EXPECT_EQ(repair(disk_).status().code(), Code::invalid_argument);
  EXPECT_EQ(repair_directory(seams(disk_), kPath, kPath, options_).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(repair_directory(seams(disk_), "nowhere", "new", options_).status().code(),
            Code::not_found);
}

}  // namespace
}  // namespace talea
