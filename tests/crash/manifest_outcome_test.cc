// A replacement of the manifest that fails may have happened all the same: whichever is on the disk
// must fit the files that are there, and what is acknowledged later must be in files that it names.
#include <gtest/gtest.h>

#include "tests/support/crash_world.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

constexpr std::uint64_t kCallsMax = 200;  // more than any of these makes

Options small_segments() {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.compaction_interval = std::chrono::milliseconds(0);
  return options;
}

TEST(ManifestOutcome, OfACheckpointDoesNotMatterToWhatIsAcknowledgedAfterIt) {
  std::uint64_t call = 1;
  for (; call < kCallsMax; ++call) {
    CrashWorld world;
    auto store = world.open(small_segments()).value();
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(store->put(Space::user, "k" + std::to_string(i), Bytes(3000, 'v')).ok());
    }
    world.executor->step_all();  // prepares a segment
    world.disk->fail_at(call, Fault::io_error);
    const Status checkpointed = store->checkpoint();
    if (world.disk->faults_fired() == 0) break;
    bool acknowledged = true;
    for (int i = 0; i < 20 && acknowledged; ++i) {
      acknowledged = store->put(Space::user, "after" + std::to_string(i), Bytes(3000, 'w')).ok();
    }
    world.disk->kill_process();
    store.reset();
    world.disk->clear_faults();
    auto again = world.open(small_segments());
    ASSERT_TRUE(again.ok()) << "call " << call << ", checkpoint " << checkpointed.to_string()
                            << ", open " << again.status().to_string();
    if (!acknowledged) continue;
    EXPECT_TRUE((*again)->get(Space::user, "after19").value().has_value()) << "call " << call;
  }
  EXPECT_GT(call, 10U);
  EXPECT_LT(call, kCallsMax);
}

TEST(ManifestOutcome, OfAFirstPutDoesNotMatterToAClose) {
  std::uint64_t call = 1;
  for (; call < kCallsMax; ++call) {
    CrashWorld world;
    auto store = world.open(small_segments()).value();
    world.disk->fail_at(call, Fault::io_error);
    const Status put = store->put(Space::user, "k", "v").status();
    if (world.disk->faults_fired() == 0) break;
    const Status closed = store->close();
    store.reset();
    world.disk->clear_faults();
    auto again = world.open(small_segments());
    ASSERT_TRUE(again.ok()) << "call " << call << ", put " << put.to_string() << ", close "
                            << closed.to_string() << ", open " << again.status().to_string();
  }
  EXPECT_GT(call, 5U);
  EXPECT_LT(call, kCallsMax);
}

// --- Damage that hides others
// ----------------------------------------------------------------------

Bytes numbered(int number) {
  const Bytes digits = std::to_string(number);
  return "key" + Bytes(5 - digits.size(), '0') + digits;
}

void damage_key(CrashWorld& world, const Bytes& key) {
  const std::string path = "/store/0000000001.log";
  const std::size_t at = world.disk->read_file(path).value().find(key);
  ASSERT_NE(at, Bytes::npos);
  ASSERT_TRUE(world.disk->flip_bit(path, at, 4).ok());
}

TEST(DamagedKey, HidesNoOtherFromACheckpoint) {
  CrashWorld world;
  Options options;
  options.checkpoint_bytes = 0;
  options.compaction_interval = std::chrono::milliseconds(0);
  {
    auto store = world.open(options).value();
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(store->put(Space::user, numbered(i), "old").ok());
    ASSERT_TRUE(store->checkpoint().ok());
    for (int i = 300; i < 1000; ++i) ASSERT_TRUE(store->put(Space::user, numbered(i), "new").ok());
    damage_key(world, numbered(255));  // where a slice of the walk through the index ends
    EXPECT_EQ(store->checkpoint().code(), Code::corruption);
    (void)store->close().ok();
  }
  auto store = world.open(options);
  ASSERT_TRUE(store.ok()) << store.status().to_string();
  for (int i = 300; i < 1000; ++i) {
    const auto got = (*store)->get(Space::user, numbered(i));
    if (!got.ok()) continue;
    ASSERT_TRUE(got->has_value());
    ASSERT_EQ((*got)->value, "new") << numbered(i);
  }
}

TEST(DamagedKey, IsAnErrorOfAScanAndNotItsEnd) {
  CrashWorld world;
  Options options;
  options.verify_reads = VerifyReads::always;
  auto store = world.open(options).value();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(store->put(Space::user, numbered(i), "old").ok());
  damage_key(world, numbered(500));
  ScanRange range;
  range.end = Bytes("l");
  Scan scan = store->scan(Space::user, range).value();
  Result<bool> next = scan.next();
  int rows = 0;
  for (; next.ok() && *next; next = scan.next()) ++rows;
  EXPECT_EQ(next.status().code(), Code::corruption);
  EXPECT_EQ(rows, 500);
}

}  // namespace
}  // namespace talea
