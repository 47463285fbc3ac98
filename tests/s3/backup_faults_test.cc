// Backups of an engine's store in a bucket, stopped at every request and with every fault: what was
// a backup before stays one, what says that it is there is whole, and a restore makes a store of
// all of it or none.
#include <gtest/gtest.h>

#include <functional>

#include "base/executor.h"
#include "base/random.h"
#include "engine/backup.h"
#include "engine/engine_store.h"
#include "io/crash_file_system.h"
#include "manifest/manifest.h"
#include "s3/backup_bucket.h"
#include "store/state_stream.h"
#include "tests/support/s3_world.h"

namespace talea {
namespace {

using s3::Fault;

constexpr const char* kPath = "store";
constexpr const char* kCopy = "copy";
constexpr std::uint64_t kPieceBytes = 4 * kKiB;

// A machine with a store, and a bucket with a backup of what it was before its last changes.
class Play {
 public:
  Play() {
    options_.segment_bytes = 64 * kKiB;
    options_.sync = SyncMode::never;
    options_.compaction_interval = std::chrono::milliseconds(0);
    store_ = std::move(EngineStore::open(seams(), kPath, options_)).value();
    target_ = open_target();
    fill("first", 20);
    first_ = hash(*store_);
    EXPECT_TRUE(store_->backup(*target_, {}).ok());
    fill("second", 20);
    store_->put(Space::user, "large", Bytes(kInlineValueBytesMax + 5000, 'l')).value();
    second_ = hash(*store_);
  }

  Status back_up() { return store_->backup(*target_, {}).status(); }
  Status restore() { return restore_backup(seams(), *target_, kCopy, {}).status(); }
  bool copy_is_a_store() {
    return disk_.exists(kCopy).value() && disk_.exists(join_path(kCopy, kManifestName)).value();
  }
  StateHash hash_of_copy() {
    auto opened = EngineStore::open(seams(), kCopy, options_);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return opened.ok() ? hash(**opened) : StateHash{};
  }
  void remove_copy() {
    if (!disk_.exists(kCopy).value()) return;
    for (const std::string& name : disk_.list(kCopy).value()) {
      EXPECT_TRUE(disk_.remove(join_path(kCopy, name)).ok());
    }
  }

  // All that the bucket says it has is whole, what was there before among it.
  void expect_sound(bool second_is_there) {
    world_.fake.clear_plan();
    world_.fake.run_delayed();
    const auto listed = list_backups(*target_);
    ASSERT_TRUE(listed.ok()) << listed.status().to_string();
    ASSERT_GE(listed->size(), second_is_there ? 2U : 1U);
    for (const BackupInfo& info : *listed) EXPECT_EQ(info.problem, "");
    const Status verified = verify_backups(*target_, {});
    ASSERT_TRUE(verified.ok()) << verified.to_string();
    const auto restored = restore_backup(
        seams(), *target_, kCopy, {.at_sequence = listed->front().last_sequence, .progress = {}});
    ASSERT_TRUE(restored.ok()) << restored.status().to_string();
    EXPECT_EQ(hash_of_copy(), first_);
    remove_copy();
  }

  s3::S3World& world() { return world_; }
  BackupTarget& target() { return *target_; }
  const StateHash& second() const { return second_; }

 private:
  Seams seams() { return {disk_, world_.clock, random_, executor_}; }

  static StateHash hash(EngineStore& store) {
    return hash_state(*store.read_state().value()).value();
  }

  void fill(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) {
      store_->put(Space::user, prefix + std::to_string(i), Bytes(300, 'v')).value();
    }
  }

  std::unique_ptr<BackupTarget> open_target() {
    s3::FakeProfile profile;
    profile.part_bytes_min = kPieceBytes;
    world_.fake.set_profile(profile);
    s3::ClientSeams small = world_.seams();
    small.limits.part_bytes_min = kPieceBytes;
    S3Options at{.bucket = s3::S3World::kBucket, .prefix = "backups/"};
    at.endpoint = "http://fake.test";
    at.credentials = S3Credentials{.access_key_id = "AKIDEXAMPLE",
                                   .secret_access_key = "secret",
                                   .session_token = {},
                                   .expires_at_ms = {}};
    // The large value in some ten parts, so that a play has some tens of requests.
    return s3::make_backup_bucket(std::move(s3::Client::create(at, small)).value(), 128 * kKiB);
  }

  s3::S3World world_;
  CrashFileSystem disk_;
  SeededRandom random_{7};
  ManualExecutor executor_;
  Options options_;
  std::unique_ptr<EngineStore> store_;
  std::unique_ptr<BackupTarget> target_;
  StateHash first_{};
  StateHash second_{};
};

std::uint64_t requests_of(Play& play, const std::function<Status()>& work) {
  const std::uint64_t before = play.world().fake.requests();
  const Status done = work();
  EXPECT_TRUE(done.ok()) << done.to_string();
  return play.world().fake.requests() - before;
}

// From this request on nothing gets through: the process, or the network, has ended.
void cut(Play& play, std::uint64_t from_now) {
  const std::uint64_t first = play.world().fake.requests() + from_now;
  play.world().fake.set_plan([first](const s3::FakeRequest& request) {
    return request.number >= first ? Fault::refuse() : Fault();
  });
}

// A 409 of something without a condition is an answer that S3 does not give.
Code outcome_of(const Fault& fault) {
  return fault == Fault::answer(409) ? Code::conflict : Code::ok;
}

TEST(BackupFaults, ABackupThatIsCutAnywhereHarmsNoneBeforeIt) {
  std::uint64_t requests = 0;
  {
    Play play;
    requests = requests_of(play, [&] { return play.back_up(); });
    play.expect_sound(true);
  }
  ASSERT_GT(requests, 10U);
  for (std::uint64_t n = 1; n <= requests; ++n) {
    SCOPED_TRACE("cut at request " + std::to_string(n));
    Play play;
    cut(play, n);
    const Status cut_off = play.back_up();
    // The last two take away what says that it was begun: then it is there.
    EXPECT_EQ(cut_off.code(), n + 2 > requests ? Code::ok : Code::unavailable)
        << cut_off.to_string();
    play.expect_sound(cut_off.ok());
    const Status again = play.back_up();
    ASSERT_TRUE(again.ok()) << again.to_string();
    ASSERT_TRUE(play.restore().ok());
    EXPECT_EQ(play.hash_of_copy(), play.second());
    play.remove_copy();
    play.expect_sound(true);
  }
}

TEST(BackupFaults, OneFaultAtAnyRequestOfABackupIsMadeGood) {
  std::uint64_t requests = 0;
  {
    Play play;
    requests = requests_of(play, [&] { return play.back_up(); });
  }
  for (const Fault& fault : s3::every_fault()) {
    for (std::uint64_t n = 1; n <= requests; ++n) {
      SCOPED_TRACE(fault.name() + " at request " + std::to_string(n));
      Play play;
      play.world().fake.set_fault(play.world().fake.requests() + n, fault);
      const Status made = play.back_up();
      const bool is_there = n + 2 > requests;  // only what says that it was begun has yet to go
      EXPECT_EQ(made.code(), is_there ? Code::ok : outcome_of(fault)) << made.to_string();
      play.expect_sound(made.ok());
      if (!made.ok()) {
        ASSERT_TRUE(play.back_up().ok());
      }
      ASSERT_TRUE(play.restore().ok());
      EXPECT_EQ(play.hash_of_copy(), play.second());
    }
  }
}

TEST(BackupFaults, ARestoreThatIsCutAnywhereMakesNoStore) {
  Play play;
  ASSERT_TRUE(play.back_up().ok());
  const std::uint64_t requests = requests_of(play, [&] { return play.restore(); });
  EXPECT_EQ(play.hash_of_copy(), play.second());
  play.remove_copy();
  ASSERT_GT(requests, 10U);
  for (std::uint64_t n = 1; n <= requests; ++n) {
    SCOPED_TRACE("cut at request " + std::to_string(n));
    cut(play, n);
    const Status cut_off = play.restore();
    EXPECT_EQ(cut_off.code(), Code::unavailable) << cut_off.to_string();
    EXPECT_FALSE(play.copy_is_a_store());
    play.world().fake.clear_plan();
    play.remove_copy();
  }
  ASSERT_TRUE(play.restore().ok());
  EXPECT_EQ(play.hash_of_copy(), play.second());
}

TEST(BackupFaults, OneFaultAtAnyRequestOfARestoreIsMadeGood) {
  Play play;
  ASSERT_TRUE(play.back_up().ok());
  const std::uint64_t requests = requests_of(play, [&] { return play.restore(); });
  play.remove_copy();
  for (const Fault& fault : s3::every_fault()) {
    for (std::uint64_t n = 1; n <= requests; ++n) {
      SCOPED_TRACE(fault.name() + " at request " + std::to_string(n));
      play.world().fake.set_fault(play.world().fake.requests() + n, fault);
      const Status restored = play.restore();
      EXPECT_EQ(restored.code(), outcome_of(fault)) << restored.to_string();
      EXPECT_EQ(restored.ok(), play.copy_is_a_store());
      if (!restored.ok()) {
        play.remove_copy();
        ASSERT_TRUE(play.restore().ok());
      }
      EXPECT_EQ(play.hash_of_copy(), play.second());
      play.remove_copy();
    }
  }
}

TEST(BackupFaults, APruneThatIsCutAnywhereLeavesTheNewestAndCanGoOn) {
  const auto prune = [](Play& play) { return prune_backups(play.target(), 1).status(); };
  std::uint64_t requests = 0;
  {
    Play play;
    ASSERT_TRUE(play.back_up().ok());
    requests = requests_of(play, [&] { return prune(play); });
  }
  ASSERT_GT(requests, 4U);
  for (std::uint64_t n = 1; n <= requests; ++n) {
    SCOPED_TRACE("cut at request " + std::to_string(n));
    Play play;
    ASSERT_TRUE(play.back_up().ok());
    cut(play, n);
    EXPECT_EQ(prune(play).code(), Code::unavailable);
    play.world().fake.clear_plan();
    EXPECT_TRUE(verify_backups(play.target(), {}).ok());
    ASSERT_TRUE(play.restore().ok());
    EXPECT_EQ(play.hash_of_copy(), play.second());
    const Status again = prune(play);
    EXPECT_TRUE(again.ok()) << again.to_string();
    EXPECT_EQ(list_backups(play.target()).value().size(), 1U);
  }
}

}  // namespace
}  // namespace talea
