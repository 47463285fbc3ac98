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

}  // namespace
}  // namespace talea
