// The engine before the checkers: thousands of short histories of four threads on few keys, in
// every sync mode, with and without a thread that checkpoints, compacts and lets the background
// run, and with an index that has too little memory. Each history is linearizable and each is
// snapshot-isolated; none is lost by closing and opening again.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/clock.h"
#include "base/executor.h"
#include "engine/engine_store.h"
#include "io/posix_file_system.h"
#include "tests/support/test_directory.h"
#include "tests/trust/linearizability.h"
#include "tests/trust/perturbation.h"
#include "tests/trust/snapshot_isolation.h"
#include "tests/trust/workload.h"

namespace talea::trust {
namespace {

#if !defined(TALEA_TRUST_HISTORIES)
#define TALEA_TRUST_HISTORIES 60
#endif
constexpr int kSessions = 3;

// Keys beside those of the histories, so that a small index does not hold them all.
constexpr std::uint64_t kFillers = 36'000;

struct Conditions {
  SyncMode sync = SyncMode::never;
  bool maintained = false;   // a thread checkpoints, compacts and runs the background
  bool small_index = false;  // and evicts
};

std::string name_of(const Conditions& conditions) {
  return std::string(sync_mode_name(conditions.sync)) +
         (conditions.maintained ? "_maintained" : "") +
         (conditions.small_index ? "_small_index" : "");
}

void PrintTo(const Conditions& conditions, std::ostream* out) { *out << name_of(conditions); }

Bytes filler(std::uint64_t number) {
  const Bytes digits = std::to_string(100'000 + number);
  return "f" + digits;
}

class EngineHistory : public testing::TestWithParam<Conditions> {
 protected:
  EngineHistory() : random_(seed_) {}

  void open() {
    Options options;
    options.sync = GetParam().sync;
    options.sync_interval = std::chrono::milliseconds(1);
    options.segment_bytes = kSegmentBytesMin;
    options.compaction_interval = std::chrono::milliseconds(10);
    options.checkpoint_bytes = kCheckpointBytesMin;
    if (GetParam().small_index) options.memory_budget = kMemoryBudgetMin;
    auto opened = EngineStore::open({file_system_, clock_, system_random_, executor_},
                                    join_path(test_directory(), "store"), options);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
    if (GetParam().small_index && !filled_) fill();
  }

  void fill() {
    for (std::uint64_t i = 0; i < kFillers;) {
      Batch batch;
      for (int j = 0; j < 1000; ++j, ++i) batch.put(filler(i), "");
      ASSERT_TRUE(store_->commit(batch, nullptr).ok());
    }
    ASSERT_TRUE(store_->checkpoint().ok());
    filled_ = true;
  }

  void close() {
    const Status closed = store_->close();
    ASSERT_TRUE(closed.ok()) << closed.to_string();
    store_.reset();
  }

  // What is done beside the histories, until it is stopped.
  void maintain_once(Perturbation::Stopper& stopper) {
    stopper.stop_soon();
    const std::uint64_t kind = random_() % 16;
    if (kind == 0) {
      EXPECT_TRUE(store_->compact().ok());
    } else if (kind < 3) {
      EXPECT_TRUE(store_->checkpoint().ok());
    } else if (kind < 5) {
      EXPECT_TRUE(store_->sync().ok());
    } else if (kind < 6 && GetParam().small_index) {
      use_fillers();
    } else {
      executor_.step_all();
    }
    // The histories are what has to come forward.
    const std::uint64_t now = history_clock_.now();
    for (int i = 0; i < 50 && history_clock_.now() < now + 4; ++i) std::this_thread::yield();
  }

  // Brings so many keys back into the index that others have to go.
  void use_fillers() {
    Scan scan =
        store_->scan(Space::user, {.start = filler(random_() % kFillers), .limit = 6000}).value();
    while (scan.next().value()) {
    }
  }

  // An index that evicts keeps the maintainer, and with it the processor, busy.
  static int histories_per_session() {
    return GetParam().small_index ? TALEA_TRUST_HISTORIES / 3 : TALEA_TRUST_HISTORIES;
  }

  // Runs `history` a number of times, in several sessions.
  template <typename OneHistory>
  void run_histories(OneHistory one_history) {
    for (int session = 0; session < kSessions; ++session) {
      ASSERT_NO_FATAL_FAILURE(open());
      std::atomic<bool> stop{false};
      std::thread maintainer;
      if (GetParam().maintained) {
        maintainer = std::thread([&] {
          Perturbation::Stopper stopper(perturbation_);
          while (!stop) maintain_once(stopper);
        });
      }
      EngineUnderTest tested(*store_);
      for (int i = 0; i < histories_per_session() && !HasFailure(); ++i) {
        SCOPED_TRACE("session " + std::to_string(session) + ", history " + std::to_string(i));
        one_history(tested);
      }
      stop = true;
      if (maintainer.joinable()) maintainer.join();
      ASSERT_FALSE(HasFailure());
      ASSERT_NO_FATAL_FAILURE(close());
    }
  }

  const std::uint64_t seed_ = test_seed();
  std::mt19937_64 random_;  // of the maintainer, or of who has none
  HistoryClock history_clock_;
  Perturbation perturbation_{history_clock_, seed_};
  PosixFileSystem disk_;
  PerturbedFileSystem file_system_{disk_, perturbation_};
  SystemClock system_clock_;
  PerturbedClock clock_{system_clock_, perturbation_};
  SystemRandom system_random_;
  ManualExecutor executor_;
  std::unique_ptr<EngineStore> store_;
  bool filled_ = false;
};

constexpr Conditions kAllConditions[] = {
    {.sync = SyncMode::never},
    {.sync = SyncMode::interval},
    {.sync = SyncMode::always},
    {.sync = SyncMode::never, .maintained = true},
    {.sync = SyncMode::interval, .maintained = true},
    {.sync = SyncMode::always, .maintained = true},
    {.sync = SyncMode::never, .maintained = true, .small_index = true},
    {.sync = SyncMode::interval, .maintained = true, .small_index = true},
    {.sync = SyncMode::always, .maintained = true, .small_index = true},
};

INSTANTIATE_TEST_SUITE_P(All, EngineHistory, testing::ValuesIn(kAllConditions),
                         [](const auto& conditions) { return name_of(conditions.param); });

// "f118-" lies amid the fillers.
TEST_P(EngineHistory, IsLinearizable) {
  RegisterWorkload workload({.keys = 4, .prefix = "f118-"}, history_clock_, perturbation_, seed_);
  run_histories([&](TestedStore& store) {
    const RegisterWorkload::Run run = workload.run(store);
    ASSERT_EQ(run.failure, "");
    ASSERT_EQ(find_linearizability_fault(run.history), "");
    ASSERT_EQ(find_sequence_fault(run.history), "");
  });
}

TEST_P(EngineHistory, IsSnapshotIsolated) {
  ListWorkload workload({.keys = 4, .prefix = "f118-"}, history_clock_, perturbation_, seed_);
  run_histories([&](TestedStore& store) {
    const ListWorkload::Run run = workload.run(store);
    ASSERT_EQ(run.failure, "");
    for (const AnomalyFound& found : find_anomalies(run.transactions)) {
      ADD_FAILURE() << found.explanation;
    }
  });
}

}  // namespace
}  // namespace talea::trust
