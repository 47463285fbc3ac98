// Copies of values that are too long for memory: another thread reads them.
#include <gtest/gtest.h>

#include "tests/support/copy_world.h"

namespace talea {
namespace {

constexpr std::uint64_t kLater = 4'000'000'000'000;

class LongValueCopyTest : public testing::Test, protected CopyWorld {
 protected:
  static CopyOptions newest() {
    CopyOptions options;
    options.history = CopyHistory::none;
    return options;
  }
};

TEST_F(LongValueCopyTest, LongValuesGoInPiecesAndOnce) {
  FakePlace source(FakeHome::engine());
  FakePlace destination(FakeHome::engine());
  Bytes value(3 * kMiB + 17, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 31 >> 3);
  source.add("a", "short");
  source.add("long", value, kLater);
  source.add("z", "short");
  expect_whole(copy(source, destination, newest()), 3);
  EXPECT_EQ(destination.rows(), source.rows());
  EXPECT_GT(destination.pieces_put, 10U);
  const std::uint64_t pieces = destination.pieces_put;
  const auto again = copy(source, destination, newest());
  expect_whole(again, 3);
  EXPECT_EQ(again->skipped, 3U);
  EXPECT_EQ(destination.pieces_put, pieces);
  value[2 * kMiB] ^= 1;
  source.add("long", value, kLater);
  const auto changed = copy(source, destination, newest());
  expect_whole(changed, 3);
  EXPECT_EQ(changed->written, 1U);
  EXPECT_EQ(destination.rows(), source.rows());
  FakePlace bucket(FakeHome::bucket());
  source.add("long", value);
  const auto refused = copy(source, bucket, newest());
  EXPECT_TRUE(has(refused.status(), "key 'long'") && has(refused.status(), "longer than"))
      << refused.status().to_string();
}

TEST_F(LongValueCopyTest, AFailureOfEitherSideEndsALongValue) {
  FakePlace source(FakeHome::engine());
  source.add("long", Bytes(20 * kMiB, 'x'));
  {
    FakePlace destination(FakeHome::engine());
    destination.fail_from(1, FakePlace::Failure::before);
    EXPECT_EQ(copy(source, destination, newest()).status().code(), Code::unavailable);
    destination.heal();
    expect_whole(copy(source, destination, newest()), 1);
  }
  const std::uint64_t before = source.reads;
  FakePlace destination(FakeHome::engine());
  expect_whole(copy(source, destination, newest()), 1);
  const std::uint64_t reads = source.reads - before;
  for (std::uint64_t n = 1; n <= reads; ++n) {
    FakePlace unfinished(FakeHome::engine());
    source.fail_reads_from(source.reads + n);
    EXPECT_EQ(copy(source, unfinished, newest()).status().code(), Code::unavailable) << n;
    source.heal();
    EXPECT_TRUE(unfinished.log.empty() || unfinished.rows() == source.rows());
  }
}

}  // namespace
}  // namespace talea
