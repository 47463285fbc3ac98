// Time enters the log as data, and never goes back in it, whatever the machine's clock does.
#include <gtest/gtest.h>

#include "log/segment_scanner.h"
#include "manifest/manifest.h"
#include "tests/support/crash_world.h"

namespace talea {
namespace {

// The `now` of every batch in the log, in order.
std::vector<std::uint64_t> times_in(CrashWorld& world) {
  const Manifest manifest = read_manifest(*world.disk, CrashWorld::kPath).value();
  std::vector<std::uint64_t> times;
  for (const ManifestFile& file : manifest.files) {
    const auto segment = Segment::open(*world.disk, CrashWorld::kPath, file.kind, file.id,
                                       manifest.store_id, OpenMode::read)
                             .value();
    SegmentScanner scanner(*segment, segment->file().size().value());
    RecordView record;
    while (scanner.next(record).value() == SegmentScanner::Step::record) {
      times.push_back(record.now);
    }
  }
  return times;
}

TEST(Clock, ThatGoesBackDoesNotTakeTheLogWithIt) {
  CrashWorld world;
  const auto put = [&](EngineStore& store) { ASSERT_TRUE(store.put(Space::user, "k", "v").ok()); };
  {
    auto store = world.open({}).value();
    world.clock->set_wall_ms(5'000);
    put(*store);
    world.clock->set_wall_ms(9'000);
    put(*store);
    world.clock->set_wall_ms(1'000);
    put(*store);
    ASSERT_TRUE(store->close().ok());
  }
  {
    auto store = world.open({}).value();  // the clock is still behind
    put(*store);
    world.clock->set_wall_ms(9'001);
    put(*store);
  }
  world.disk->kill_process();
  auto store = world.open({}).value();
  world.clock->set_wall_ms(0);
  put(*store);
  EXPECT_EQ(times_in(world),
            (std::vector<std::uint64_t>{5'000, 9'000, 9'000, 9'000, 9'001, 9'001}));
}

}  // namespace
}  // namespace talea
