// The engine against std::map at full size, with and without a memory budget: engine_model.h.
#include <gtest/gtest.h>

#include "tests/model/engine_model.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

TEST(EngineModelLong, AgreesWithAMapOverTenMillionOperationsAndTenReopens) {
  EngineModel model(test_directory() + "/store", test_seed(),
                    {.keys = 1'000'000, .segment_bytes = 64 * kMiB});
  model.run({.operations = 10'000'000, .reopens = 10});
}

// An index of all keys would take ten times the budget.
TEST(EngineModelLong, AgreesWithAMapWhereTheIndexIsTenTimesItsBudget) {
  constexpr std::uint64_t kBudget = kMemoryBudgetMin;
  constexpr std::uint64_t kIndexBytesOfKey = 25;  // at least: a leaf, its part of a node, a slot
  EngineModel model(test_directory() + "/store", test_seed(),
                    {.keys = 2 * 10 * kBudget / kIndexBytesOfKey,
                     .segment_bytes = 16 * kMiB,
                     .memory_budget = kBudget,
                     .fill = true});
  model.run({.operations = 1'000'000, .reopens = 10});
  // Half of all keys are there in the end, or somewhat more.
  EXPECT_GE(model.keys() * kIndexBytesOfKey, 10 * kBudget);
}

}  // namespace
}  // namespace talea
