#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

/// Counts, and lets a thread wait for the count.
class Counter {
 public:
  void add() {
    const MutexLock lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void wait_until(int count) {
    const MutexLock lock(mutex_);
    while (count_ < count) changed_.wait(mutex_);
  }
  int count() {
    const MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ TALEA_GUARDED_BY(mutex_) = 0;
};

TEST(ThreadExecutor, StepsAgainAndAgain) {
  ThreadExecutor executor;
  Counter steps;
  const auto registration = executor.every(milliseconds(1), [&steps] { steps.add(); }).value();
  steps.wait_until(3);
}

TEST(ThreadExecutor, NoStepRunsOnceTheRegistrationIsGone) {
  ThreadExecutor executor;
  for (int round = 0; round < 20; ++round) {
    Counter steps;
    auto registration = executor.every(milliseconds(0), [&steps] { steps.add(); }).value();
    steps.wait_until(1);
    registration.reset();  // joins: a step after this would touch a Counter that is gone
  }
}

TEST(ThreadExecutor, DestroyingARegistrationWaitsForTheStepThatRuns) {
  ThreadExecutor executor;
  Counter entered;
  Counter released;
  std::atomic<bool> finished = false;
  auto registration = executor
                          .every(milliseconds(0),
                                 [&] {
                                   entered.add();
                                   released.wait_until(1);
                                   finished = true;
                                 })
                          .value();
  entered.wait_until(1);
  released.add();
  registration.reset();
  EXPECT_TRUE(finished.load());
}

TEST(ThreadExecutor, StepsOfOneRegistrationNeverOverlap) {
  ThreadExecutor executor;
  Counter steps;
  int unguarded = 0;  // the thread sanitizer sees a step that overlaps another
  auto registration = executor
                          .every(milliseconds(0),
                                 [&] {
                                   ++unguarded;
                                   steps.add();
                                 })
                          .value();
  steps.wait_until(50);
  registration.reset();
  EXPECT_EQ(unguarded, steps.count());
}

TEST(ThreadExecutor, ALongPeriodDoesNotDelayTheEnd) {
  ThreadExecutor executor;
  int steps = 0;
  auto registration = executor.every(std::chrono::hours(24), [&steps] { ++steps; }).value();
  registration.reset();
  EXPECT_EQ(steps, 0);
}

TEST(ThreadExecutor, RegistrationsRunBesideEachOther) {
  ThreadExecutor executor;
  Counter first;
  Counter second;
  // Each step waits for the other registration: this ends only if both have a thread.
  std::vector<std::unique_ptr<Executor::Registration>> registrations;
  registrations.push_back(executor
                              .every(milliseconds(0),
                                     [&] {
                                       first.add();
                                       second.wait_until(1);
                                     })
                              .value());
  registrations.push_back(executor
                              .every(milliseconds(0),
                                     [&] {
                                       second.add();
                                       first.wait_until(1);
                                     })
                              .value());
  first.wait_until(1);
  second.wait_until(1);
}

TEST(ThreadExecutor, BeyondItsLimitRegistrationsShareTheLastThread) {
  ThreadExecutor executor(2);
  EXPECT_EQ(executor.threads(), 0U);
  Counter alone;
  Counter steps[2];
  int unguarded = 0;  // the thread sanitizer sees it if the two that share do not share a thread
  std::vector<std::unique_ptr<Executor::Registration>> registrations;
  registrations.push_back(executor.every(milliseconds(0), [&] { alone.add(); }).value());
  EXPECT_EQ(executor.threads(), 1U);
  for (Counter& counter : steps) {
    registrations.push_back(executor
                                .every(milliseconds(0),
                                       [&] {
                                         ++unguarded;
                                         counter.add();
                                       })
                                .value());
    EXPECT_EQ(executor.threads(), 2U);
  }
  alone.wait_until(10);
  for (Counter& counter : steps) counter.wait_until(10);
  // The one that stays goes on when the other has ended.
  registrations.pop_back();
  const int before = steps[0].count();
  steps[0].wait_until(before + 10);
  registrations.clear();
  EXPECT_EQ(executor.threads(), 0U);
  EXPECT_EQ(unguarded, steps[0].count() + steps[1].count());
}

TEST(ThreadExecutor, WithOneThreadALongStepDelaysTheOthers) {
  ThreadExecutor executor(1);
  Counter entered;
  Counter released;
  Counter other;
  auto first = executor
                   .every(milliseconds(0),
                          [&] {
                            entered.add();
                            released.wait_until(1);
                          })
                   .value();
  entered.wait_until(1);
  auto second = executor.every(milliseconds(0), [&] { other.add(); }).value();
  EXPECT_EQ(executor.threads(), 1U);
  EXPECT_EQ(other.count(), 0);
  released.add();
  other.wait_until(1);
}

TEST(ThreadExecutor, ARegistrationMayOutliveItsExecutor) {
  auto executor = std::make_unique<ThreadExecutor>(1);
  Counter steps;
  auto registration = executor->every(milliseconds(0), [&] { steps.add(); }).value();
  executor.reset();
  const int before = steps.count();
  steps.wait_until(before + 1);
}

TEST(InlineExecutor, WhoComesWhileAStepRunsGoesOnAtOnce) {
  ManualClock clock;
  InlineExecutor executor(clock);
  Counter entered;
  Counter released;
  auto registration = executor
                          .every(milliseconds(1),
                                 [&] {
                                   entered.add();
                                   released.wait_until(1);
                                 })
                          .value();
  clock.advance_ms(1);
  std::thread first([&] { executor.run_due(); });
  entered.wait_until(1);
  executor.run_due();  // returns, or the test hangs
  EXPECT_EQ(entered.count(), 1);
  released.add();
  first.join();
}

TEST(Executor, StartsAThreadOfItsOwnForWorkThatLasts) {
  ManualExecutor executor;
  std::thread::id worker;
  std::thread thread = executor.start([&] { worker = std::this_thread::get_id(); }).value();
  const std::thread::id started = thread.get_id();
  thread.join();
  EXPECT_EQ(worker, started);
  EXPECT_NE(worker, std::this_thread::get_id());
}

}  // namespace
}  // namespace talea
