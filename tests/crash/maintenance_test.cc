// Power cuts and failing calls in the middle of checkpoints, compactions and the steps of the
// background. None of them may change what the store holds: what was acknowledged is there, what
// was removed stays away, and that is so after every further recovery and every further checkpoint.
#include <gtest/gtest.h>

#include "engine/verify.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;
using Maintenance = CrashWorkload::Maintenance;

constexpr std::uint64_t kWorkloadSeed = 4;
// Built twice: once for every run of the tests, where the seed chooses one call in some, and once,
// as a long test, with every call of many workloads.
#ifndef TALEA_CRASH_WORKLOADS
#define TALEA_CRASH_WORKLOADS 1
#endif
constexpr std::uint64_t kWorkloads = TALEA_CRASH_WORKLOADS;
constexpr bool kLong = kWorkloads > 1;

// Of every `of` calls in a short test the seed chooses one.
struct Sample {
  std::uint64_t first;
  std::uint64_t stride;
};
Sample one_call_in(std::uint64_t of, std::uint64_t seed) {
  return kLong ? Sample{1, 1} : Sample{1 + seed % of, of};
}

Options small_segments(SyncMode sync) {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.sync = sync;
  return options;
}

enum class Cut { lose_all, keep_all, random };
constexpr Cut kCuts[] = {Cut::lose_all, Cut::keep_all, Cut::random, Cut::random};

void cut(CrashWorld& world, Cut kind, std::uint64_t seed) {
  switch (kind) {
    case Cut::lose_all: world.disk->power_cut_losing_everything_unsynced(); break;
    case Cut::keep_all: world.disk->power_cut_keeping_everything(); break;
    case Cut::random: world.disk->power_cut(seed); break;
  }
  world.disk->clear_faults();
}

void expect_clean(CrashWorld& world) {
  const auto report = verify_directory(world.seams(), CrashWorld::kPath, {});
  if (report.status().code() == Code::not_found) return;  // not yet made
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  for (const Finding& finding : report->findings) {
    FAIL() << finding.file << " at " << finding.offset << ": " << finding.problem;
  }
}

void expect_contents(EngineStore& store, const Model& model, const char* when) {
  const Result<Model> contents = contents_of(store);
  ASSERT_TRUE(contents.ok()) << when << ": " << contents.status().to_string();
  ASSERT_TRUE(*contents == model) << when << ": " << contents->size() << " keys instead of "
                                  << model.size();
  ASSERT_EQ(store.stats().keys, model.size()) << when;
}

Status maintain(CrashWorld& world, EngineStore& store) {
  world.executor->step_all();
  TALEA_TRY(store.checkpoint());
  TALEA_TRY(store.compact());
  world.clock->advance_ms(61'000);
  world.executor->step_all();
  world.executor->step_all();
  return {};
}

// Opens what is left and looks at it before and after maintenance, twice; what the first open
// showed is what stays.
void expect_recovers(CrashWorld& world, const CrashWorkload::Run& run, const Options& options) {
  expect_clean(world);
  if (testing::Test::HasFatalFailure()) return;
  Model shown;
  for (int time = 0; time < 2; ++time) {
    auto opened = world.open(options);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    EngineStore& store = **opened;
    if (time == 0) {
      const Result<Model> contents = contents_of(store);
      ASSERT_TRUE(contents.ok()) << contents.status().to_string();
      ASSERT_TRUE(run.may_leave(*contents)) << contents->size() << " keys; " << run.history.size()
                                            << " acknowledged, " << run.durable << " durable";
      shown = *contents;
    }
    expect_contents(store, shown, "after the open");
    ASSERT_TRUE(store.put(Space::user, "after", "the crash").ok());
    const Status maintained = maintain(world, store);
    ASSERT_TRUE(maintained.ok()) << maintained.to_string();
    ASSERT_TRUE(store.remove(Space::user, "after").ok());
    expect_contents(store, shown, "after maintenance");
    if (testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(time == 0 ? store.sync().ok() : store.close().ok());
    opened->reset();
    world.disk->power_cut_losing_everything_unsynced();
    expect_clean(world);
    if (testing::Test::HasFatalFailure()) return;
  }
}

std::uint64_t calls_of(const CrashWorkload& workload, const Options& options) {
  CrashWorld world;
  const CrashWorkload::Run run = workload.run(world, options);
  EXPECT_EQ(run.rejected, 0U);
  EXPECT_EQ(run.unmaintained, 0U);
  EXPECT_GE(run.maintained, 5U) << "too little maintenance to test";
  EXPECT_TRUE(run.store != nullptr);
  return world.disk->counted_calls();
}

class MaintenanceCut : public testing::TestWithParam<SyncMode> {};

TEST_P(MaintenanceCut, DuringAnyCallLeavesWhatTheModePromises) {
  const std::uint64_t seed = test_seed();
  std::uint64_t cuts = 0;
  for (std::uint64_t number = 0; number < kWorkloads; ++number) {
    Options options = small_segments(GetParam());
    // With a budget the keys of the last session stay in the runs.
    if (number % 2 == 1) options.memory_budget = kMemoryBudgetMin;
    const CrashWorkload workload(kWorkloadSeed + number, 45, Maintenance::interleaved);
    const std::uint64_t calls = calls_of(workload, options);
    const Sample sample = one_call_in(3, seed);
    for (std::uint64_t call = sample.first; call <= calls; call += sample.stride) {
      CrashWorld world;
      world.disk->fail_at(call, Fault::crash);
      CrashWorkload::Run run = workload.run(world, options);
      run.store.reset();
      for (std::uint64_t i = 0; i < std::size(kCuts); ++i) {
        if (!kLong && i != call / sample.stride % std::size(kCuts)) continue;
        CrashWorld after = world.clone();
        cut(after, kCuts[i], seed + call * 100 + i);
        SCOPED_TRACE("workload=" + std::to_string(number) + " call=" + std::to_string(call) +
                     " cut=" + std::to_string(i));
        expect_recovers(after, run, options);
        if (HasFatalFailure()) return;
        ++cuts;
      }
    }
  }
  std::printf("%lu power cuts\n", static_cast<unsigned long>(cuts));
}

// Recovery, and the maintenance that follows it, may be cut as well, and the recovery from that.
TEST_P(MaintenanceCut, DuringRecoveryAndMaintenanceTwiceNestedLeavesWhatTheModePromises) {
  const std::uint64_t seed = test_seed();
  const Options options = small_segments(GetParam());
  const CrashWorkload workload(kWorkloadSeed + 100, 14, Maintenance::interleaved);
  CrashWorld whole;
  { (void)workload.run(whole, options); }
  const std::uint64_t calls = whole.disk->counted_calls();
  const auto recover = [&](CrashWorld& world) {
    auto opened = world.open(options);
    if (opened.ok()) (void)maintain(world, **opened).ok();
    return world.disk->crashed();
  };
  std::uint64_t cuts = 0;
  const Sample sample = one_call_in(17, seed);
  for (std::uint64_t call = sample.first; call <= calls; call += sample.stride) {
    CrashWorld first;
    first.disk->fail_at(call, Fault::crash);
    CrashWorkload::Run run = workload.run(first, options);
    run.store.reset();
    cut(first, Cut::random, seed + call);
    for (std::uint64_t outer = 1;; outer += kLong ? 1 : 3) {
      CrashWorld second = first.clone();
      second.disk->fail_at(outer, Fault::crash);
      if (!recover(second)) break;
      cut(second, Cut::random, seed + outer);
      for (std::uint64_t inner = 1 + outer % 5;; inner += 5) {
        CrashWorld third = second.clone();
        third.disk->fail_at(inner, Fault::crash);
        if (!recover(third)) break;
        cut(third, Cut::random, seed + inner);
        SCOPED_TRACE("call=" + std::to_string(call) + " outer=" + std::to_string(outer) +
                     " inner=" + std::to_string(inner));
        expect_recovers(third, run, options);
        if (HasFatalFailure()) return;
        ++cuts;
      }
    }
  }
  std::printf("%lu power cuts\n", static_cast<unsigned long>(cuts));
}

INSTANTIATE_TEST_SUITE_P(SyncModes, MaintenanceCut,
                         testing::Values(SyncMode::always, SyncMode::interval, SyncMode::never),
                         [](const auto& mode) { return std::string(sync_mode_name(mode.param)); });

// --- Failing calls -------------------------------------------------------------------------------

struct FailingMaintenance {
  const char* name;
  Fault fault;
  SyncMode sync;
};

class MaintenanceFailure : public testing::TestWithParam<FailingMaintenance> {};

// The fault is over. A store that still takes writes can be maintained; one that does not says so.
void expect_goes_on(CrashWorld& world, CrashWorkload::Run& run) {
  EngineStore& store = *run.store;
  world.clock->advance_ms(1000);  // a disk that had no room is asked again four times a second
  expect_contents(store, run.before, "after the failure");
  if (testing::Test::HasFatalFailure()) return;
  const auto put = store.put(Space::user, "on", "it goes");
  if (!put.ok()) {
    ASSERT_EQ(put.status().code(), Code::io_error) << put.status().to_string();
    ASSERT_FALSE(store.checkpoint().ok());
    return;
  }
  const Status maintained = maintain(world, store);
  ASSERT_TRUE(maintained.ok()) << maintained.to_string();
  ASSERT_TRUE(store.remove(Space::user, "on").ok());
  expect_contents(store, run.before, "after maintenance");
  ASSERT_TRUE(store.sync().ok());
  run.durable = run.history.size();
}

TEST_P(MaintenanceFailure, OfAnyCallLosesNothing) {
  const Fault fault = GetParam().fault;
  const Options options = small_segments(GetParam().sync);
  const std::uint64_t seed = test_seed();
  const CrashWorkload workload(kWorkloadSeed + 200, 35, Maintenance::interleaved);
  const std::uint64_t calls = calls_of(workload, options);
  std::uint64_t unmaintained = 0;
  const Sample sample = one_call_in(13, seed);
  for (std::uint64_t call = sample.first; call <= calls; call += sample.stride) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    world.disk->fail_at(call, fault);
    CrashWorkload::Run run = workload.run(world, options);
    unmaintained += run.unmaintained;
    world.disk->clear_faults();
    if (run.store != nullptr && !run.unknown) expect_goes_on(world, run);
    if (HasFatalFailure()) return;
    run.store.reset();
    for (int i = 0; i < 2; ++i) {
      if (!kLong && i != static_cast<int>(call / sample.stride % 2)) continue;
      CrashWorld after = world.clone();
      if (i == 0) {
        after.disk->kill_process();
        run.durable = run.history.size();
      } else {
        after.disk->power_cut(seed + call);
      }
      expect_recovers(after, run, options);
      if (HasFatalFailure()) return;
    }
  }
  std::printf("%lu checkpoints and compactions failed\n", static_cast<unsigned long>(unmaintained));
  EXPECT_GT(unmaintained, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, MaintenanceFailure,
    testing::Values(FailingMaintenance{"io_error", Fault::io_error, SyncMode::always},
                    FailingMaintenance{"disk_full", Fault::disk_full, SyncMode::always},
                    FailingMaintenance{"read_only", Fault::read_only, SyncMode::always},
                    FailingMaintenance{"sync_fails", Fault::sync_fails, SyncMode::always},
                    FailingMaintenance{"io_error_never", Fault::io_error, SyncMode::never},
                    FailingMaintenance{"sync_fails_interval", Fault::sync_fails,
                                       SyncMode::interval}),
    [](const auto& failing) { return std::string(failing.param.name); });

}  // namespace
}  // namespace talea
