// Two log segments are open for a while: the next one is prepared before it is needed, and the one
// before is finished after writing has gone on. The power fails then, and calls fail, and files are
// damaged. docs/formats/log.md, "follows" and "Where the log ends".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "engine/repair.h"
#include "engine/verify.h"
#include "log/record.h"
#include "log/segment_header.h"
#include "manifest/manifest.h"
#include "tests/support/crash_world.h"
#include "tests/support/forwarding_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

Options small_segments(SyncMode mode) {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.sync = mode;
  options.checkpoint_bytes = 0;  // the log alone
  options.compaction_interval = std::chrono::milliseconds(0);
  return options;
}

// A store that is written to, with all the states that it had.
class Writing {
 public:
  Writing(CrashWorld& world, SyncMode mode, std::uint64_t seed)
      : world_(world), options_(small_segments(mode)), random_(seed) {
    store_ = world.open(options_).value();
  }

  // False when the write was not acknowledged.
  bool write() {
    const Bytes key = "k" + std::to_string(random_.next_u64() % 10);
    const Bytes value(random_.next_u64() % 6000, static_cast<char>('a' + states_.size() % 26));
    const Bytes number = std::to_string(states_.size());
    const auto committed = store_->commit(Batch().put(key, value).put("last", number), nullptr);
    Model state = states_.back();
    state[key] = value;
    state["last"] = number;
    if (!committed.ok()) {
      if (committed.status().code() == Code::timed_out) unknown_ = state;
      return false;
    }
    states_.push_back(std::move(state));
    note_durable();
    return true;
  }
  void work_ahead() {
    world_.executor->step_all();
    note_durable();
  }
  void note_durable() {
    const Sequence sequence = store_->stats().durable_sequence;
    durable_ = std::max(durable_, static_cast<std::size_t>(sequence));
  }
  bool two_are_open() const {
    const auto manifest = read_manifest(*world_.disk, CrashWorld::kPath);
    return manifest.ok() && std::ranges::count_if(manifest->files, [](const ManifestFile& file) {
                              return !file.sealed;
                            }) == 2;
  }
  void end() { store_.reset(); }

  // Every batch is one sequence, so states_[n] is the state after sequence n.
  void expect_may_leave(CrashWorld& after) const {
    auto opened = after.open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const Model contents = contents_of(**opened).value();
    const auto at = std::find(states_.begin(), states_.end(), contents);
    if (at == states_.end()) {
      ASSERT_TRUE(contents == unknown_) << "no state that the store ever had";
    } else {
      ASSERT_GE(static_cast<std::size_t>(at - states_.begin()), durable_);
    }
    ASSERT_TRUE((*opened)->put(Space::user, "after", "the crash").ok());
    ASSERT_TRUE((*opened)->close().ok());
    opened->reset();
    const auto report = verify_directory(after.seams(), CrashWorld::kPath, {});
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    ASSERT_TRUE(report->findings.empty())
        << report->findings[0].file << ": " << report->findings[0].problem;
    auto again = after.open(options_);
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    ASSERT_TRUE((*again)->get(Space::user, "after").value().has_value());
    const Model before = contents_of(**again).value();
    const Status compacted = (*again)->compact();
    ASSERT_TRUE(compacted.ok()) << compacted.to_string();
    ASSERT_TRUE(contents_of(**again).value() == before);
  }

  EngineStore& store() { return *store_; }
  const Options& options() const { return options_; }
  /// Of the last write that was acknowledged.
  Sequence sequence() const { return states_.size() - 1; }

 private:
  CrashWorld& world_;
  const Options options_;
  SeededRandom random_;
  std::unique_ptr<EngineStore> store_;
  std::vector<Model> states_{Model{}};
  Model unknown_;
  std::size_t durable_ = 0;
};

void cut(CrashWorld& world, std::uint64_t kind) {
  if (kind == 0) {
    world.disk->power_cut_losing_everything_unsynced();
  } else if (kind == 1) {
    world.disk->power_cut_keeping_everything();
  } else {
    world.disk->power_cut(kind);
  }
  world.disk->clear_faults();
}

class PreparedSegment : public testing::TestWithParam<SyncMode> {};

TEST_P(PreparedSegment, APowerCutAtAnyTimeLeavesAPrefix) {
  const std::uint64_t seed = test_seed();
  std::uint64_t open_pairs = 0;
  for (std::uint64_t run = 0; run < 6; ++run) {
    CrashWorld world;
    Writing writing(world, GetParam(), seed + run);
    SeededRandom random(seed + run);
    for (int i = 0; i < 120; ++i) {
      ASSERT_TRUE(writing.write());
      if (random.next_u64() % 5 == 0) writing.work_ahead();
      if (random.next_u64() % 40 == 0) {
        ASSERT_TRUE(writing.store().sync().ok());
      }
      writing.note_durable();
      if (random.next_u64() % 6 != 0) continue;
      open_pairs += std::uint64_t{writing.two_are_open()};
      for (const std::uint64_t kind : {std::uint64_t{0}, std::uint64_t{1}, random.next_u64()}) {
        CrashWorld after = world.clone();
        cut(after, kind);
        writing.expect_may_leave(after);
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_GT(open_pairs, 20U);
}

// Every call fails, and is the last one before the power does.
TEST_P(PreparedSegment, EachCallThatFailsLosesNothingThatIsDurable) {
  const std::uint64_t seed = test_seed();
  std::uint64_t fired = 0;
  for (const Fault fault : {Fault::crash, Fault::io_error, Fault::disk_full, Fault::sync_fails}) {
    for (std::uint64_t call = 0;; ++call) {
      CrashWorld world;
      Writing writing(world, GetParam(), seed);
      world.disk->fail_at(world.disk->counted_calls() + call, fault);
      for (int i = 0; i < 60; ++i) {
        (void)writing.write();
        if (i % 3 == 0) writing.work_ahead();
        if (i % 25 == 24 && GetParam() != SyncMode::always) (void)writing.store().sync().ok();
        writing.note_durable();
      }
      if (fault == Fault::crash && world.disk->faults_fired() > 0) writing.end();
      const bool has_fired = world.disk->faults_fired() > 0;
      for (std::uint64_t kind = 0; kind < 3 && has_fired; ++kind) {
        CrashWorld after = world.clone();
        cut(after, kind < 2 ? kind : seed + call);
        writing.expect_may_leave(after);
        if (HasFatalFailure()) {
          ADD_FAILURE() << "fault " << static_cast<int>(fault) << " at call " << call;
          return;
        }
      }
      if (!has_fired) break;
      ++fired;
    }
  }
  EXPECT_GT(fired, 100U);
}

INSTANTIATE_TEST_SUITE_P(Modes, PreparedSegment,
                         testing::Values(SyncMode::always, SyncMode::interval, SyncMode::never),
                         [](const auto& mode) {
                           return mode.param == SyncMode::always     ? "always"
                                  : mode.param == SyncMode::interval ? "interval"
                                                                     : "never";
                         });

// --- An append that fails behind a segment that is not synced -----------------------------------

// A disk on which the space or the sync of one file fails.
class FailingFileDisk final : public ForwardingFileSystem {
 public:
  explicit FailingFileDisk(CrashFileSystem& disk) : ForwardingFileSystem(disk), disk_(disk) {}
  std::string no_space_in;
  std::string no_sync_of;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    std::unique_ptr<File> file = TALEA_TRY(ForwardingFileSystem::open(path, mode));
    return std::unique_ptr<File>(
        std::make_unique<FailingFile>(*this, path.substr(path.rfind('/') + 1), std::move(file)));
  }

 private:
  class FailingFile final : public ForwardingFile {
   public:
    FailingFile(FailingFileDisk& disk, std::string name, std::unique_ptr<File> file)
        : ForwardingFile(std::move(file)), disk_(disk), name_(std::move(name)) {}
    Status allocate(std::uint64_t offset, std::uint64_t bytes) override {
      if (name_ == disk_.no_space_in) return Status::io_error("the test says so");
      return ForwardingFile::allocate(offset, bytes);
    }
    Status sync_data() override {
      if (name_ == disk_.no_sync_of) disk_.disk_.fail_at(1, Fault::sync_fails);
      return ForwardingFile::sync_data();
    }

   private:
    FailingFileDisk& disk_;
    const std::string name_;
  };

  CrashFileSystem& disk_;
};

// Two segments with records, neither synced; the next append to the second fails.
class AbandonedBehindAnother : public testing::Test {
 protected:
  void SetUp() override {
    open();
    ASSERT_TRUE(put().ok());
    ASSERT_TRUE(store_->sync().ok());
    while (open_logs().size() < 2) {
      ASSERT_TRUE(put().ok());
      world_.executor->step_all();
    }
    // Till the first is full, and one more.
    const std::uint64_t first_id = store_->segments().front().id;
    while (store_->segments().front().id == first_id && store_->segments().back().entries < 3) {
      ASSERT_TRUE(put().ok());
    }
    logs_ = open_logs();
    ASSERT_EQ(logs_.size(), 2U);
    ASSERT_EQ(store_->stats().durable_sequence, 1U);
  }
  void open() {
    auto opened = EngineStore::open({disk_, *world_.clock, *world_.random, *world_.executor},
                                    CrashWorld::kPath, options());
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
  }
  static Options options() {
    Options options = small_segments(SyncMode::never);
    options.segment_bytes = 8 * kMiB;  // more than is taken ahead
    return options;
  }
  Status put() {
    const Bytes key = "key" + std::to_string(keys_);
    TALEA_TRY(store_->put(Space::user, key, Bytes(50'000, 'v')).status());
    ++keys_;
    return {};
  }
  Status put_until_it_fails() {
    Status failed;
    while (failed.ok()) failed = put();
    return failed;
  }
  std::vector<std::string> open_logs() const {
    std::vector<std::string> logs;
    const Manifest manifest = read_manifest(*world_.disk, CrashWorld::kPath).value();
    for (const ManifestFile& file : manifest.files) {
      if (!file.sealed) logs.push_back(segment_file_name(file.kind, file.id));
    }
    return logs;
  }
  void cut_power(std::uint64_t kind) {
    store_.reset();
    cut(world_, kind);
    disk_.no_space_in.clear();
    disk_.no_sync_of.clear();
    open();
  }

  CrashWorld world_;
  FailingFileDisk disk_{*world_.disk};
  std::unique_ptr<EngineStore> store_;
  std::vector<std::string> logs_;
  std::uint64_t keys_ = 0;  // that were acknowledged: the sequence, too
};

TEST_F(AbandonedBehindAnother, IsUndoneWhenBothCanBeSynced) {
  disk_.no_space_in = logs_[1];
  const Status failed = put_until_it_fails();
  EXPECT_EQ(failed.code(), Code::io_error) << failed.to_string();
  EXPECT_NE(failed.message().find("nothing of this write is stored"), std::string::npos);
  // The manifest vouches for both, so all in them is durable.
  EXPECT_EQ(store_->stats().durable_sequence, keys_);
  ASSERT_TRUE(put().ok()) << "a new segment takes the next";
  cut_power(0);
  if (HasFatalFailure()) return;
  const std::uint64_t found = store_->stats().last_sequence;
  EXPECT_GE(found, keys_ - 1);
  EXPECT_LE(found, keys_);
  EXPECT_EQ(contents_of(*store_).value().size(), found);
}

// Which of the two cannot be synced, and how the power fails then.
class AbandonedUnsynced : public AbandonedBehindAnother,
                          public testing::WithParamInterface<std::tuple<std::size_t, int>> {};

TEST_P(AbandonedUnsynced, EndsAllWritingAndLeavesAPrefix) {
  const auto& [unsynced, cut_kind] = GetParam();
  disk_.no_space_in = logs_[1];
  disk_.no_sync_of = logs_[unsynced];
  const Status failed = put_until_it_fails();
  EXPECT_EQ(failed.code(), Code::timed_out) << failed.to_string();
  disk_.no_sync_of.clear();  // the next sync would be told that all is well
  EXPECT_EQ(store_->sync().code(), Code::io_error);
  EXPECT_EQ(put().code(), Code::io_error);
  EXPECT_EQ(store_->checkpoint().code(), Code::io_error);
  EXPECT_EQ(store_->stats().durable_sequence, 1U);
  EXPECT_EQ(contents_of(*store_).value().size(), keys_);
  for (const std::string& log : {logs_[unsynced], logs_[1]}) {
    EXPECT_THAT(open_logs(), testing::Contains(log)) << "the manifest vouches for what may be lost";
  }
  EXPECT_FALSE(store_->close().ok());
  cut_power(cut_kind < 2 ? static_cast<std::uint64_t>(cut_kind) : test_seed());
  if (HasFatalFailure()) return;
  const std::uint64_t found = store_->stats().last_sequence;
  EXPECT_GE(found, 1U);
  EXPECT_LE(found, keys_ + 1);
  const Model contents = contents_of(*store_).value();
  EXPECT_EQ(contents.size(), found);
  for (std::uint64_t i = 0; i < found; ++i)
    EXPECT_TRUE(contents.contains("key" + std::to_string(i)));
  EXPECT_TRUE(store_->put(Space::user, "after", "v").ok());
}

INSTANTIATE_TEST_SUITE_P(LogsAndCuts, AbandonedUnsynced,
                         testing::Combine(testing::Values(std::size_t{0}, std::size_t{1}),
                                          testing::Values(0, 1, 2)));

// --- Damage --------------------------------------------------------------------------------------

// Writes, without a sync of the writer's, until records are in the second of two open segments.
struct TwoOpen {
  TwoOpen() : writing(world, SyncMode::never, 7) {
    while (!writing.two_are_open()) {
      EXPECT_TRUE(writing.write());
      writing.work_ahead();
    }
    first = names().front();
    const std::size_t prepared_bytes = used(names().back());
    while (used(names().back()) == prepared_bytes) EXPECT_TRUE(writing.write());
    second = names().back();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> logs;
    const Manifest manifest = read_manifest(*world.disk, CrashWorld::kPath).value();
    for (const ManifestFile& file : manifest.files) {
      if (!file.sealed) logs.push_back(segment_file_name(file.kind, file.id));
    }
    return logs;
  }
  std::size_t used(const std::string& name) const { return end_of_data(content(world, name)); }
  static std::size_t end_of_data(const Bytes& content) {
    return content.find_last_not_of('\0') + 1;
  }
  static Bytes content(const CrashWorld& world, const std::string& name) {
    return world.disk->read_file(join_path(CrashWorld::kPath, name)).value();
  }
  void set_content(const std::string& name, const Bytes& bytes) {
    ASSERT_TRUE(world.disk->write_file(join_path(CrashWorld::kPath, name), bytes).ok());
  }
  void stop() {
    world.disk->kill_process();
    writing.end();
  }

  CrashWorld world;
  Writing writing;
  std::string first;
  std::string second;
};

TEST(PreparedSegmentDamage, WithoutTheEndOfTheFirstTheSecondCountsForNothing) {
  TwoOpen two;
  two.stop();
  Bytes first = TwoOpen::content(two.world, two.first);
  first[TwoOpen::end_of_data(first) - 1] = '\0';
  two.set_content(two.first, first);
  auto opened = two.world.open(two.writing.options());
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  const RecoveryReport report = (*opened)->recovery();
  EXPECT_EQ(report.dropped_from_file, two.first);
  EXPECT_GT(report.bytes_dropped, 0U);
  const Sequence last = report.last_sequence;
  EXPECT_EQ((*opened)->get(Space::user, "last").value()->value, std::to_string(last));
}

TEST(PreparedSegmentDamage, TheSecondTellsThatTheFirstWasDurable) {
  TwoOpen two;
  ASSERT_TRUE(two.writing.store().sync().ok());
  ASSERT_TRUE(two.writing.write());  // says so
  two.stop();
  Bytes first = TwoOpen::content(two.world, two.first);
  // The last record becomes zeros, as if it had never been written.
  std::fill(first.begin() + static_cast<std::ptrdiff_t>(TwoOpen::end_of_data(first) - 30),
            first.end(), '\0');
  two.set_content(two.first, first);
  const auto opened = two.world.open(two.writing.options());
  ASSERT_EQ(opened.status().code(), Code::corruption);
  EXPECT_NE(opened.status().message().find(two.first), std::string::npos)
      << opened.status().message();
  const auto report = verify_directory(two.world.seams(), CrashWorld::kPath, {});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->findings.size(), 1U);
  const auto repaired = repair_directory(two.world.seams(), CrashWorld::kPath, "repaired", {});
  ASSERT_TRUE(repaired.ok()) << repaired.status().to_string();
  ASSERT_EQ(repaired->lost_batches.size(), 1U) << "the one that is missing between them";
  EXPECT_EQ(repaired->lost_batches[0].first, repaired->lost_batches[0].last);
}

TEST(PreparedSegmentDamage, TwoContinuationsOfOneLogAreRefused) {
  TwoOpen two;
  two.stop();
  // One more record in the first, although the second goes on without it.
  Bytes first = TwoOpen::content(two.world, two.first);
  const SegmentHeader header = decode_segment_header(first.substr(0, kSegmentHeaderBytes)).value();
  const EntrySource entry{Space::user, "one more", "record", false, false};
  const std::size_t end = TwoOpen::end_of_data(first);
  Bytes record;
  std::vector<EntryExtent> places;
  finish_record(encode_batch({&entry, 1}),
                {.sequence = two.writing.sequence(), .now = header.base_now, .offset = end},
                SegmentContext(header), record, places);
  first.replace(end, record.size(), record);
  two.set_content(two.first, first);
  const auto opened = two.world.open(two.writing.options());
  ASSERT_EQ(opened.status().code(), Code::corruption) << opened.status().to_string();
  EXPECT_NE(opened.status().message().find("two continuations"), std::string::npos)
      << opened.status().message();
  const auto report = verify_directory(two.world.seams(), CrashWorld::kPath, {});
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->findings.size(), 1U);
  EXPECT_EQ(report->findings[0].file, two.second);
}

}  // namespace
}  // namespace talea
