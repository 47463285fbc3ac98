#include "base/clock.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace talea {
namespace {

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(1000);
  EXPECT_EQ(clock.wall_ms(), 1000u);
  EXPECT_EQ(clock.wall_ms(), 1000u);
  EXPECT_EQ(clock.monotonic_ns(), 0u);
}

TEST(ManualClock, AdvancesBothClocks) {
  ManualClock clock(1000);
  clock.advance_ms(25);
  EXPECT_EQ(clock.wall_ms(), 1025u);
  EXPECT_EQ(clock.monotonic_ns(), 25'000'000u);
}

TEST(ManualClock, TheWallClockCanGoBackAndTheMonotonicOneDoesNotFollow) {
  ManualClock clock(1000);
  clock.advance_ms(5);
  clock.set_wall_ms(10);
  EXPECT_EQ(clock.wall_ms(), 10u);
  EXPECT_EQ(clock.monotonic_ns(), 5'000'000u);
}

TEST(SystemClock, TheMonotonicClockNeverGoesBack) {
  SystemClock clock;
  std::uint64_t last = clock.monotonic_ns();
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t now = clock.monotonic_ns();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClock, TheWallClockCountsMillisecondsSince1970) {
  SystemClock clock;
  // A clock in seconds or in microseconds would lie far outside the years 2001 to 2286.
  EXPECT_GT(clock.wall_ms(), 1'000'000'000'000u);
  EXPECT_LT(clock.wall_ms(), 10'000'000'000'000u);
}

}  // namespace
}  // namespace talea
