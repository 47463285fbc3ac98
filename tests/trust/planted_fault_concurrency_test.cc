// Each planted fault is caught by the histories that the engine is judged by, and only those of a
// sound store are not.
#include <gtest/gtest.h>

#include <set>

#include "base/clock.h"
#include "base/executor.h"
#include "io/posix_file_system.h"
#include "tests/support/test_directory.h"
#include "tests/trust/faulty_store.h"
#include "tests/trust/linearizability.h"
#include "tests/trust/perturbation.h"
#include "tests/trust/workload.h"

namespace talea::trust {
namespace {

// A fault that hides for so many histories is not caught.
constexpr int kHistoriesMax = 400;

class PlantedFaults : public testing::TestWithParam<PlantedFault> {
 protected:
  PlantedFaults() {
    Options options;
    options.sync = SyncMode::never;
    auto opened = EngineStore::open({disk_, system_clock_, random_, executor_},
                                    join_path(test_directory(), "store"), options);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
    sound_ = std::make_unique<EngineUnderTest>(*store_);
    faulty_ = GetParam().plant(*sound_);
  }

  const std::uint64_t seed_ = test_seed();
  HistoryClock history_clock_;
  Perturbation perturbation_{history_clock_, seed_};
  PosixFileSystem disk_;
  SystemClock system_clock_;
  SystemRandom random_;
  ManualExecutor executor_;
  std::unique_ptr<EngineStore> store_;
  std::unique_ptr<EngineUnderTest> sound_;
  std::unique_ptr<FaultyStore> faulty_;
};

std::string name_of_fault(const testing::TestParamInfo<PlantedFault>& fault) {
  return fault.param.name;
}

class FaultsInRegisters : public PlantedFaults {};
class FaultsInLists : public PlantedFaults {};
INSTANTIATE_TEST_SUITE_P(Planted, FaultsInRegisters, testing::ValuesIn(planted_faults()),
                         name_of_fault);
INSTANTIATE_TEST_SUITE_P(Planted, FaultsInLists, testing::ValuesIn(faults_of_transactions()),
                         name_of_fault);

TEST_P(FaultsInRegisters, AreCaught) {
  RegisterWorkload workload({}, history_clock_, perturbation_, seed_);
  for (int i = 1; i <= kHistoriesMax; ++i) {
    const RegisterWorkload::Run run = workload.run(*faulty_);
    ASSERT_EQ(run.failure, "");
    const bool is_caught = !find_linearizability_fault(run.history).empty() ||
                           !find_sequence_fault(run.history).empty();
    if (!is_caught) continue;
    EXPECT_GT(faulty_->faults(), 0U) << "nothing was wrong yet";
    RecordProperty("histories", i);
    return;
  }
  FAIL() << faulty_->faults() << " faults, and none was caught";
}

TEST_P(FaultsInLists, AreCaughtAndCalledByTheirNames) {
  std::set<Anomaly> missing(GetParam().anomalies.begin(), GetParam().anomalies.end());
  ListWorkload workload({}, history_clock_, perturbation_, seed_);
  for (int i = 1; i <= kHistoriesMax && !missing.empty(); ++i) {
    const ListWorkload::Run run = workload.run(*faulty_);
    for (const AnomalyFound& found : find_anomalies(run.transactions)) {
      EXPECT_GT(faulty_->faults(), 0U) << "nothing was wrong yet: " << found.explanation;
      missing.erase(found.anomaly);
    }
    RecordProperty("histories", i);
  }
  for (const Anomaly anomaly : missing) {
    ADD_FAILURE() << faulty_->faults() << " faults, and no " << name_of(anomaly);
  }
}

// The same with nothing planted.
TEST(PlantedNothing, IsNotCaught) {
  const std::uint64_t seed = test_seed();
  HistoryClock history_clock;
  Perturbation perturbation(history_clock, seed);
  PosixFileSystem disk;
  SystemClock clock;
  SystemRandom random;
  ManualExecutor executor;
  Options options;
  options.sync = SyncMode::never;
  auto store = EngineStore::open({disk, clock, random, executor},
                                 join_path(test_directory(), "store"), options);
  ASSERT_TRUE(store.ok());
  EngineUnderTest sound(**store);
  FaultyStore planted_nothing(sound);
  RegisterWorkload registers({.prefix = "r"}, history_clock, perturbation, seed);
  ListWorkload lists({.prefix = "l"}, history_clock, perturbation, seed);
  for (int i = 0; i < kHistoriesMax / 4; ++i) {
    const RegisterWorkload::Run of_registers = registers.run(planted_nothing);
    ASSERT_EQ(find_linearizability_fault(of_registers.history), "");
    ASSERT_EQ(find_sequence_fault(of_registers.history), "");
    ASSERT_TRUE(find_anomalies(lists.run(planted_nothing).transactions).empty());
  }
}

}  // namespace
}  // namespace talea::trust
