// Power cuts and failing calls while the space that is held back for a full disk is taken, given up
// and taken again. Whatever is cut or refused there: what was acknowledged stays, the store opens,
// and it finds its way out of a disk that is still full.
#include <gtest/gtest.h>

#include "engine/space_reserve.h"
#include "engine/verify.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

// Built twice, like maintenance_test.cc: as a long test with every call.
#ifndef TALEA_CRASH_WORKLOADS
#define TALEA_CRASH_WORKLOADS 1
#endif
constexpr bool kLong = TALEA_CRASH_WORKLOADS > 1;

constexpr std::uint64_t kDiskBytes = 3 * kMiB;

// What was acknowledged: `durable` of it survives a power cut. `unknown`: the change of the last
// call, whose outcome may be either.
struct Acknowledged {
  Model durable;
  std::optional<std::pair<Bytes, std::optional<Bytes>>> unknown;
  bool went_all_the_way = false;

  bool may_be(Model found) const {
    if (found == durable) return true;
    if (!unknown) return false;
    Model other = durable;
    if (unknown->second) {
      other[unknown->first] = *unknown->second;
    } else {
      other.erase(unknown->first);
    }
    return found == other;
  }
};

Options options_of_test() {
  Options options;
  options.segment_bytes = 128 * kKiB;
  return options;
}

class FullDiskWorkload {
 public:
  FullDiskWorkload(CrashWorld& world, EngineStore& store, Acknowledged& acknowledged)
      : world_(world), store_(store), acknowledged_(acknowledged) {}

  // Fills the disk, removes until the reserve is given up and beyond, compacts, and puts again.
  // Returns at the first thing that is not as it should be, which a fault may bring about.
  Status run() {
    TALEA_TRY(put("first", Bytes("value")));
    for (int i = 0; i < 2; ++i) step();  // twice, for should the first be refused
    Status filled;
    int keys = 0;
    while (filled.ok()) {
      filled = put(key_of(keys), Bytes(40'000, static_cast<char>('a' + keys % 26)));
      ++keys;
    }
    if (filled.code() != Code::exhausted) return filled;
    while (put("small", Bytes(100, 's')).ok()) {
    }
    if (acknowledged_.unknown) return Status::io_error("an outcome is unknown");
    for (int i = 0; i < keys - 5; ++i) TALEA_TRY(remove(key_of(i)));
    TALEA_TRY(store_.compact());
    step();
    TALEA_TRY(put("again", Bytes(50'000, 'z')));
    step();
    acknowledged_.went_all_the_way = true;
    return {};
  }

 private:
  static Bytes key_of(int number) { return "key" + std::to_string(number); }
  void step() {
    world_.clock->advance_ms(1001);
    world_.executor->step_all();
  }
  Status put(const Bytes& key, const Bytes& value) {
    return note(key, value, store_.put(Space::user, key, value).status());
  }
  Status remove(const Bytes& key) {
    return note(key, std::nullopt, store_.remove(Space::user, key).status());
  }
  Status note(const Bytes& key, const std::optional<Bytes>& value, Status status) {
    if (status.ok()) {
      if (value) {
        acknowledged_.durable[key] = *value;
      } else {
        acknowledged_.durable.erase(key);
      }
    } else if (status.code() == Code::timed_out) {
      acknowledged_.unknown = {key, value};
    }
    return status;
  }

  CrashWorld& world_;
  EngineStore& store_;
  Acknowledged& acknowledged_;
};

Acknowledged run(CrashWorld& world) {
  Acknowledged acknowledged;
  world.disk->set_capacity(kDiskBytes);
  auto opened = world.open(options_of_test());
  if (!opened.ok()) return acknowledged;
  (void)FullDiskWorkload(world, **opened, acknowledged).run().ok();
  return acknowledged;
}

void expect_clean(CrashWorld& world) {
  const auto report = verify_directory(world.seams(), CrashWorld::kPath, {});
  if (report.status().code() == Code::not_found) return;  // not yet made
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  for (const Finding& finding : report->findings) {
    FAIL() << finding.file << " at " << finding.offset << ": " << finding.problem;
  }
}

// Opens what is left on the disk that is as full as it was, and empties it.
void expect_way_out(CrashWorld& world, const Acknowledged& acknowledged) {
  expect_clean(world);
  if (testing::Test::HasFatalFailure()) return;
  auto opened = world.open(options_of_test());
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  EngineStore& store = **opened;
  Result<Model> contents = contents_of(store);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  ASSERT_TRUE(acknowledged.may_be(*contents))
      << contents->size() << " keys instead of " << acknowledged.durable.size();
  for (const auto& [key, value] : *contents) {
    const auto removed = store.remove(Space::user, key);
    ASSERT_TRUE(removed.ok()) << key << ": " << removed.status().to_string();
  }
  const Status compacted = store.compact();
  ASSERT_TRUE(compacted.ok()) << compacted.to_string();
  world.clock->advance_ms(1001);
  world.executor->step_all();
  const auto put = store.put(Space::user, "after", Bytes(50'000, 'x'));
  ASSERT_TRUE(put.ok()) << put.status().to_string();
  ASSERT_TRUE(store.close().ok());
  opened->reset();
  world.disk->power_cut_losing_everything_unsynced();
  expect_clean(world);
  opened = world.open(options_of_test());
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  contents = contents_of(**opened);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  ASSERT_EQ(*contents, (Model{{"after", Bytes(50'000, 'x')}}));
}

std::uint64_t calls_of_workload() {
  CrashWorld world;
  const Acknowledged acknowledged = run(world);
  EXPECT_TRUE(acknowledged.went_all_the_way) << "too little happened to test";
  return world.disk->counted_calls();
}

TEST(FullDisk, APowerCutDuringAnyCallLosesNothingAndLeavesAWayOut) {
  const std::uint64_t seed = test_seed();
  const std::uint64_t calls = calls_of_workload();
  if (testing::Test::HasFailure()) return;
  std::uint64_t cuts = 0;
  const std::uint64_t stride = kLong ? 1 : 7;
  for (std::uint64_t call = 1 + seed % stride; call <= calls; call += stride) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    world.disk->fail_at(call, Fault::crash);
    Acknowledged acknowledged = run(world);
    switch ((call / stride) % 3) {
      case 0: world.disk->power_cut_losing_everything_unsynced(); break;
      case 1: world.disk->power_cut_keeping_everything(); break;
      default: world.disk->power_cut(seed + call); break;
    }
    world.disk->clear_faults();
    expect_way_out(world, acknowledged);
    if (testing::Test::HasFatalFailure()) return;
    ++cuts;
  }
  std::printf("%lu power cuts\n", static_cast<unsigned long>(cuts));
}

class FullDiskFailure : public testing::TestWithParam<Fault> {};

// A call that fails, and then the end of the process.
TEST_P(FullDiskFailure, OfAnyCallLosesNothingAndLeavesAWayOut) {
  const std::uint64_t seed = test_seed();
  const std::uint64_t calls = calls_of_workload();
  if (testing::Test::HasFailure()) return;
  const std::uint64_t stride = kLong ? 1 : 23;
  for (std::uint64_t call = 1 + seed % stride; call <= calls; call += stride) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    world.disk->fail_at(call, GetParam());
    const Acknowledged acknowledged = run(world);
    world.disk->clear_faults();
    world.disk->kill_process();
    expect_way_out(world, acknowledged);
    if (testing::Test::HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, FullDiskFailure,
                         testing::Values(Fault::io_error, Fault::disk_full, Fault::sync_fails),
                         [](const auto& fault) {
                           switch (fault.param) {
                             case Fault::io_error: return "io_error";
                             case Fault::disk_full: return "disk_full";
                             default: return "sync_fails";
                           }
                         });

}  // namespace
}  // namespace talea
