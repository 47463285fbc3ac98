// The power fails during every call of a workload, and during the recovery from that, and during
// the recovery from that.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/verify.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

constexpr std::uint64_t kWorkloadSeed = 20;
// Built twice: once for every run of the tests, and once, as a long test, for many workloads.
#ifndef TALEA_CRASH_WORKLOADS
#define TALEA_CRASH_WORKLOADS 1
#endif
constexpr std::uint64_t kWorkloads = TALEA_CRASH_WORKLOADS;
constexpr std::size_t kOperations = 60;

Options small_segments() {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.compress_from_bytes = 100;
  return options;
}

// A power cut is a function of its seed; two special ones bound what it may do.
enum class Cut { random, lose_all, keep_all };

void cut(CrashWorld& world, Cut kind, std::uint64_t seed) {
  if (kind == Cut::lose_all) {
    world.disk->power_cut_losing_everything_unsynced();
  } else if (kind == Cut::keep_all) {
    world.disk->power_cut_keeping_everything();
  } else {
    world.disk->power_cut(seed);
  }
  world.disk->clear_faults();
}

// Opens what is left and compares it with what it must be. Also goes on writing, and comes back.
void expect_recovers(CrashWorld& world, const CrashWorkload::Run& run, const Options& options) {
  {
    auto opened = world.open(options);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const Result<Model> contents = contents_of(**opened);
    ASSERT_TRUE(contents.ok()) << contents.status().to_string();
    ASSERT_TRUE(*contents == run.before || *contents == run.after)
        << contents->size() << " keys, expected " << run.before.size() << " or "
        << run.after.size();
    const Status expiries = check_expiries(**opened);
    ASSERT_TRUE(expiries.ok()) << expiries.to_string();
    ASSERT_TRUE((*opened)->put(Space::user, "after", "the crash").ok());
  }
  CrashWorld later = world.clone();
  later.disk->power_cut_losing_everything_unsynced();
  auto opened = later.open(options);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  Model contents = contents_of(**opened).value();
  ASSERT_EQ(contents["after"], "the crash");
  contents.erase("after");
  ASSERT_TRUE(contents == run.before || contents == run.after) << "recovery is not final";
  const auto report = verify_directory(later.seams(), CrashWorld::kPath, {});
  ASSERT_EQ(report.status().code(), Code::unavailable) << "the store is open";
  ASSERT_TRUE((*opened)->close().ok());
  const VerifyReport verified = verify_directory(later.seams(), CrashWorld::kPath, {}).value();
  ASSERT_TRUE(verified.findings.empty())
      << verified.findings[0].file << " " << verified.findings[0].problem;
}

std::uint64_t calls_of(const CrashWorkload& workload, const Options& options) {
  CrashWorld world;
  const CrashWorkload::Run run = workload.run(world, options);
  EXPECT_EQ(run.rejected, 0U);
  EXPECT_TRUE(run.store != nullptr);
  return world.disk->counted_calls();
}

// E4 and "every call has been a crash point": thousands of power cuts, each during another call.
TEST(PowerCut, DuringEveryCallLosesNothingAcknowledged) {
  const Options options = small_segments();
  const std::uint64_t seed = test_seed();
  std::uint64_t cuts = 0;
  for (std::uint64_t number = 0; number < kWorkloads; ++number) {
    const CrashWorkload workload(kWorkloadSeed + number, kOperations);
    const std::uint64_t calls = calls_of(workload, options);
    for (std::uint64_t call = 1; call <= calls; ++call) {
      CrashWorld world;
      world.disk->fail_at(call, Fault::crash);
      CrashWorkload::Run run = workload.run(world, options);
      run.store.reset();
      for (std::uint64_t i = 0; i < 4; ++i) {
        const Cut kind = i == 0 ? Cut::lose_all : i == 1 ? Cut::keep_all : Cut::random;
        CrashWorld after = world.clone();
        cut(after, kind, seed + call * 100 + i);
        SCOPED_TRACE("workload=" + std::to_string(number) + " call=" + std::to_string(call) +
                     " cut=" + std::to_string(i));
        expect_recovers(after, run, options);
        if (HasFatalFailure()) return;
        ++cuts;
      }
    }
  }
  std::printf("%lu power cuts\n", static_cast<unsigned long>(cuts));
  EXPECT_GE(cuts, 1000U);
}

// E4: between calls as well, at the moment at which the writer has just been told that it is safe.
TEST(PowerCut, RightAfterEachAcknowledgementLosesNothing) {
  const std::uint64_t seed = test_seed();
  const Options options = small_segments();
  CrashWorld world;
  auto store = world.open(options).value();
  Model model;
  SeededRandom random(3);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const Bytes key = "k" + std::to_string(random.next_u64() % 50);
    const Bytes value(random.next_u64() % 400, 'v');
    ASSERT_TRUE(store->put(Space::user, key, value).ok());
    model[key] = value;
    CrashWorld after = world.clone();
    after.disk->power_cut(seed + i);
    auto opened = after.open(options);
    ASSERT_TRUE(opened.ok()) << "write " << i << ": " << opened.status().to_string();
    ASSERT_TRUE(contents_of(**opened).value() == model) << "write " << i;
  }
}

// Recovery is idempotent: crash during it, and during the recovery from that crash.
TEST(PowerCut, DuringRecoveryTwiceNestedLosesNothing) {
  const CrashWorkload workload(kWorkloadSeed + 1, 25);
  const Options options = small_segments();
  const std::uint64_t calls = calls_of(workload, options);
  const std::uint64_t seed = test_seed();
  for (std::uint64_t call = 1; call <= calls; call += 3) {
    CrashWorld world;
    world.disk->fail_at(call, Fault::crash);
    CrashWorkload::Run run = workload.run(world, options);
    run.store.reset();
    CrashWorld first = world.clone();
    cut(first, Cut::random, seed + call);
    for (std::uint64_t outer = 1;; ++outer) {
      CrashWorld second = first.clone();
      second.disk->fail_at(outer, Fault::crash);
      if (second.open(options).ok() && !second.disk->crashed()) break;
      cut(second, Cut::random, seed + outer);
      for (std::uint64_t inner = 1;; ++inner) {
        CrashWorld third = second.clone();
        third.disk->fail_at(inner, Fault::crash);
        if (third.open(options).ok() && !third.disk->crashed()) break;
        cut(third, Cut::random, seed + inner);
        SCOPED_TRACE("call=" + std::to_string(call) + " outer=" + std::to_string(outer) +
                     " inner=" + std::to_string(inner));
        expect_recovers(third, run, options);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// E3: a batch of 100 operations is there as a whole or not at all, whenever the power fails.
TEST(PowerCut, DuringABatchLeavesAllOfItOrNothing) {
  const std::uint64_t seed = test_seed();
  const Options options;
  Batch batch;
  batch.require_present("old");
  for (int i = 0; i < 100; ++i) {
    if (i % 10 == 9) {
      batch.remove("old" + std::to_string(i));
    } else {
      batch.put("new" + std::to_string(i), Bytes(static_cast<std::size_t>(i * 20), 'n'));
    }
  }
  CrashWorld before;
  {
    auto store = before.open(options).value();
    ASSERT_TRUE(store->put(Space::user, "old", "o").ok());
    for (int i = 9; i < 100; i += 10) {
      ASSERT_TRUE(store->put(Space::user, "old" + std::to_string(i), "o").ok());
    }
    ASSERT_TRUE(store->close().ok());
  }
  bool seen_all = false;
  bool seen_nothing = false;
  for (std::uint64_t call = 1;; ++call) {
    CrashWorld world = before.clone();
    auto store = world.open(options).value();
    world.disk->fail_at(call, Fault::crash);
    const bool acknowledged = store->commit(batch, nullptr).ok();
    store.reset();
    if (!world.disk->crashed()) break;
    for (std::uint64_t i = 0; i < 200; ++i) {
      CrashWorld after = world.clone();
      cut(after, Cut::random, seed + i);
      auto opened = after.open(options);
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      const Model contents = contents_of(**opened).value();
      const bool all = contents.size() == 1 + 90;
      ASSERT_TRUE(all || contents.size() == 1 + 10) << contents.size() << " keys, call " << call;
      ASSERT_TRUE(all || !acknowledged);
      (all ? seen_all : seen_nothing) = true;
    }
  }
  EXPECT_TRUE(seen_all && seen_nothing) << "the cuts did not reach both sides of the commit";
}

// What a failed sync lost must not be believed after a restart, though the cache still shows it:
// whatever the next open shows is there to stay.
TEST(PowerCut, AfterAFailedSyncAndAKillLosesNothingThatWasShown) {
  const std::uint64_t seed = test_seed();
  const Options options;
  std::uint64_t unknown = 0;
  for (std::uint64_t later = 1; later < 10; ++later) {
    CrashWorld world;
    auto store = world.open(options).value();
    ASSERT_TRUE(store->put(Space::user, "a", "1").ok());
    // The write of "b" loses its pages, and the manifest that would undo it cannot be written.
    world.disk->fail_at(1, Fault::sync_fails);
    world.disk->fail_at(2 + later, Fault::io_error);
    const Result<Sequence> result = store->put(Space::user, "b", "2");
    store.reset();
    if (result.status().code() != Code::timed_out) continue;
    ++unknown;
    world.disk->clear_faults();
    world.disk->kill_process();
    Model shown;
    {
      auto opened = world.open(options);
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      shown = contents_of(**opened).value();
      ASSERT_EQ(shown["a"], "1");
    }
    for (std::uint64_t i = 0; i < 50; ++i) {
      CrashWorld after = world.clone();
      cut(after, i == 0 ? Cut::lose_all : Cut::random, seed + i);
      auto opened = after.open(options);
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      ASSERT_TRUE(contents_of(**opened).value() == shown) << "later=" << later << " cut=" << i;
    }
  }
  EXPECT_GT(unknown, 0U) << "no planned fault made an outcome unknown";
}

// Without syncs a power cut may take acknowledged writes, but only the last ones: what is left is a
// state that the store once had, and it opens.
TEST(PowerCut, WithoutSyncsLeavesAPrefixOfTheWrites) {
  const std::uint64_t seed = test_seed();
  for (const SyncMode mode : {SyncMode::never, SyncMode::interval}) {
    Options options = small_segments();
    options.sync = mode;
    for (std::uint64_t run = 0; run < 30; ++run) {
      CrashWorld world;
      SeededRandom random(seed + run);
      auto store = world.open(options).value();
      std::vector<Model> states(1);
      std::size_t synced = 0;
      const std::uint64_t writes = 20 + random.next_u64() % 60;
      for (std::uint64_t i = 0; i < writes; ++i) {
        const Bytes key = "k" + std::to_string(random.next_u64() % 10);
        const Bytes value(random.next_u64() % 4000, static_cast<char>('a' + i % 26));
        ASSERT_TRUE(
            store->commit(Batch().put(key, value).put("last", std::to_string(i)), nullptr).ok());
        Model state = states.back();
        state[key] = value;
        state["last"] = std::to_string(i);
        states.push_back(std::move(state));
        if (random.next_u64() % 20 != 0) continue;
        if (mode == SyncMode::interval) {
          world.executor->step_all();
        } else {
          ASSERT_TRUE(store->sync().ok());
        }
        synced = states.size() - 1;
      }
      store.reset();
      for (std::uint64_t i = 0; i < 10; ++i) {
        CrashWorld after = world.clone();
        cut(after, i == 0 ? Cut::lose_all : Cut::random, seed + run * 100 + i);
        auto opened = after.open(options);
        ASSERT_TRUE(opened.ok()) << opened.status().to_string();
        const Model contents = contents_of(**opened).value();
        const auto at = std::find(states.begin(), states.end(), contents);
        ASSERT_NE(at, states.end()) << "no state that the store ever had";
        ASSERT_GE(at - states.begin(), static_cast<std::ptrdiff_t>(synced));
      }
    }
  }
}

}  // namespace
}  // namespace talea
