// A store that keeps its past, and the power fails during every call of a workload with
// checkpoints and compactions in it: whatever was acknowledged is read as it was, or was given up.
#include <gtest/gtest.h>

#include "engine/verify.h"
#include "tests/support/crash_world.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

struct Written {
  Bytes key;
  std::optional<Bytes> value;  // none: removed
  Sequence sequence = 0;
};

Options options_with(std::optional<Retention> retention) {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.retention = retention;
  options.reap_expired = false;
  return options;
}

// What was acknowledged, until something failed.
std::vector<Written> run_workload(CrashWorld& world, const Options& options) {
  std::vector<Written> written;
  auto opened = world.open(options);
  if (!opened.ok()) return written;
  SeededRandom random(7);
  for (int step = 0; step < 60; ++step) {
    world.clock->advance_ms(10);
    EngineStore& store = **opened;
    const Bytes key = "key" + std::to_string(random.next_u64() % 4);
    switch (step % 12) {
      case 4:
        if (!store.checkpoint().ok()) return written;
        break;
      case 7:
        if (!store.compact().ok()) return written;
        break;
      case 9: world.executor->step_all(); break;
      case 11:
        if (step % 24 != 11) break;
        if (!store.close().ok()) return written;
        opened->reset();
        opened = world.open(options_with(std::nullopt));
        if (!opened.ok()) return written;
        break;
      case 2: {
        const Result<Sequence> removed = store.remove(Space::user, key);
        if (!removed.ok()) return written;
        written.push_back({key, std::nullopt, *removed});
        break;
      }
      default: {
        const Bytes value(2000 + random.next_u64() % 9000, static_cast<char>('a' + step % 26));
        const Result<Sequence> put = store.put(Space::user, key, value);
        if (!put.ok()) return written;
        written.push_back({key, value, *put});
      }
    }
  }
  return written;
}

// `kept_at_least`: of each key, what may have been given up beyond.
void expect_past(EngineStore& store, const std::vector<Written>& written,
                 std::size_t kept_at_least) {
  std::map<Bytes, std::size_t> newer;
  for (auto one = written.rbegin(); one != written.rend(); ++one) {
    const auto got = store.get(Space::user, one->key, At::sequence(one->sequence));
    const std::size_t rank = newer[one->key]++;
    if (!got.ok()) {
      ASSERT_EQ(got.status().code(), Code::not_found) << got.status().to_string();
      ASSERT_GE(rank, kept_at_least)
          << one->key << " at " << one->sequence << " was lost: " << got.status().to_string();
      continue;
    }
    ASSERT_EQ(got->has_value(), one->value.has_value()) << one->key << " at " << one->sequence;
    if (*got) {
      ASSERT_TRUE((*got)->value == *one->value) << one->key << " at " << one->sequence;
    }
  }
}

void expect_recovers(CrashWorld& world, const std::vector<Written>& written,
                     std::size_t kept_at_least) {
  world.disk->clear_faults();
  const Options options = options_with(std::nullopt);
  auto opened = world.open(options);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  if (!written.empty()) {
    ASSERT_TRUE((*opened)->retention().keeps_past());
  }
  ASSERT_NO_FATAL_FAILURE(expect_past(**opened, written, kept_at_least));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE((*opened)->put(Space::user, "after", "the crash").ok());
    const Status compacted = (*opened)->compact();
    ASSERT_TRUE(compacted.ok()) << compacted.to_string();
    ASSERT_NO_FATAL_FAILURE(expect_past(**opened, written, kept_at_least));
  }
  ASSERT_TRUE((*opened)->close().ok());
  opened->reset();
  const auto report = verify_directory(world.seams(), CrashWorld::kPath, {});
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  for (const Finding& finding : report->findings) {
    FAIL() << finding.file << " at " << finding.offset << ": " << finding.problem;
  }
}

class HistoryCrash : public testing::TestWithParam<Retention> {
 protected:
  // A write of unknown outcome may be one of those that count.
  static std::size_t kept_at_least() {
    return GetParam() == Retention::all() ? SIZE_MAX : GetParam().amount() - 1;
  }
};

TEST_P(HistoryCrash, WhatWasAcknowledgedIsReadAsItWasAfterACrashAtEveryCall) {
  for (std::uint64_t call = 1;; ++call) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    world.disk->fail_at(call, Fault::crash);
    const std::vector<Written> written = run_workload(world, options_with(GetParam()));
    const bool finished = !world.disk->crashed();
    // Neighbouring calls leave much the same; each way of losing it is tried at a third of them.
    if (call % 3 == 0) {
      world.disk->power_cut(call);
    } else if (call % 3 == 1) {
      world.disk->power_cut_losing_everything_unsynced();
    } else {
      world.disk->power_cut_keeping_everything();
    }
    ASSERT_NO_FATAL_FAILURE(expect_recovers(world, written, kept_at_least()));
    if (finished) {
      std::printf("%llu calls, %zu batches\n", static_cast<unsigned long long>(call),
                  written.size());
      return;
    }
  }
}

TEST_P(HistoryCrash, WhatWasAcknowledgedIsReadAsItWasAfterAFailureOfEveryCall) {
  for (const Fault fault : {Fault::io_error, Fault::disk_full}) {
    for (std::uint64_t call = 1;; call += 3) {
      SCOPED_TRACE("call=" + std::to_string(call));
      CrashWorld world;
      world.disk->fail_at(call, fault);
      const std::vector<Written> written = run_workload(world, options_with(GetParam()));
      const bool fired = world.disk->faults_fired() > 0;
      world.disk->kill_process();
      ASSERT_NO_FATAL_FAILURE(expect_recovers(world, written, kept_at_least()));
      if (!fired) break;
    }
  }
}

// Ending it takes all of it, or none.
TEST(HistoryCrashOfSwitching, AStoreWhosePastIsDroppedIsWholeAfterACrashAtEveryCall) {
  for (std::uint64_t call = 1;; ++call) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    const std::vector<Written> written = run_workload(world, options_with(Retention::revisions(3)));
    // Without a past, that a key was removed is known of now alone.
    std::map<Bytes, Written> last;
    for (const Written& one : written) last[one.key] = one;
    std::vector<Written> present;
    present.reserve(last.size());
    for (const auto& [key, one] : last) {
      if (one.value) present.push_back(one);
    }
    world.disk->fail_at(call, Fault::crash);
    (void)world.open(options_with(Retention::latest())).ok();
    const bool finished = !world.disk->crashed();
    world.disk->power_cut(call);
    world.disk->clear_faults();
    {
      auto opened = world.open(options_with(std::nullopt));
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      const bool keeps = (*opened)->retention().keeps_past();
      const std::vector<Written>& promised = keeps ? written : present;
      ASSERT_NO_FATAL_FAILURE(expect_past(**opened, promised, keeps ? 2 : 1));
      ASSERT_TRUE((*opened)->compact().ok());
      ASSERT_NO_FATAL_FAILURE(expect_past(**opened, promised, keeps ? 2 : 1));
    }
    world.disk->kill_process();
    ASSERT_TRUE(verify_directory(world.seams(), CrashWorld::kPath, {})->findings.empty());
    if (finished) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Retentions, HistoryCrash,
                         testing::Values(Retention::all(), Retention::revisions(3)));

}  // namespace
}  // namespace talea
