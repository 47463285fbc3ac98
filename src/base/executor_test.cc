#include "base/executor.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace talea {
namespace {

using std::chrono::milliseconds;

TEST(ManualExecutor, RunsNothingByItself) {
  ManualExecutor executor;
  int steps = 0;
  const auto registration = executor.every(milliseconds(0), [&steps] { ++steps; }).value();
  EXPECT_EQ(steps, 0);
}

TEST(ManualExecutor, RunsEveryStepOnceInTheOrderOfRegistration) {
  ManualExecutor executor;
  std::string order;
  const auto first = executor.every(milliseconds(1), [&order] { order += 'a'; }).value();
  const auto second = executor.every(milliseconds(1), [&order] { order += 'b'; }).value();
  executor.step_all();
  executor.step_all();
  EXPECT_EQ(order, "abab");
}

TEST(ManualExecutor, ADestroyedRegistrationStepsNoMore) {
  ManualExecutor executor;
  int steps = 0;
  auto registration = executor.every(milliseconds(1), [&steps] { ++steps; }).value();
  executor.step_all();
  registration.reset();
  executor.step_all();
  EXPECT_EQ(steps, 1);
}

TEST(ManualExecutor, ARegistrationMayOutliveItsExecutor) {
  auto executor = std::make_unique<ManualExecutor>();
  auto registration = executor->every(milliseconds(1), [] {}).value();
  executor.reset();
  registration.reset();
}

TEST(InlineExecutor, RunsWhatIsDueWhenItIsAsked) {
  ManualClock clock;
  InlineExecutor executor(clock);
  executor.run_due();  // nothing is registered
  std::string order;
  auto often = executor.every(milliseconds(2), [&order] { order += 'o'; }).value();
  const auto seldom = executor.every(milliseconds(5), [&order] { order += 's'; }).value();
  executor.run_due();
  EXPECT_EQ(order, "");
  clock.advance_ms(2);
  EXPECT_EQ(order, "");  // not by itself
  executor.run_due();
  executor.run_due();
  EXPECT_EQ(order, "o");
  clock.advance_ms(3);
  executor.run_due();
  EXPECT_EQ(order, "oos");
  clock.advance_ms(100);  // what was missed is not made up for
  executor.run_due();
  EXPECT_EQ(order, "oosos");
  often.reset();
  clock.advance_ms(100);
  executor.run_due();
  EXPECT_EQ(order, "oososs");
}

TEST(InlineExecutor, ARegistrationMayOutliveItsExecutor) {
  ManualClock clock;
  auto executor = std::make_unique<InlineExecutor>(clock);
  auto registration = executor->every(milliseconds(1), [] {}).value();
  executor.reset();
  registration.reset();
}

}  // namespace
}  // namespace talea
