#include "base/assert.h"

#include <gtest/gtest.h>

namespace talea {
namespace {

TEST(Assert, LetsATrueConditionPassAndEvaluatesItOnce) {
  int evaluations = 0;
  TALEA_ASSERT(++evaluations == 1);
  EXPECT_EQ(evaluations, 1);
}

TEST(AssertDeathTest, StopsTheProcessAndNamesTheInvariantInEveryBuild) {
  EXPECT_DEATH(TALEA_ASSERT(2 + 2 == 5), "assert_test.cc:[0-9]+: invariant broken: 2 \\+ 2 == 5");
}

}  // namespace
}  // namespace talea
