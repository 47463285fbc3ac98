#include "engine/snapshot_registry.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace talea {
namespace {

using Pin = SnapshotRegistry::Pin;

class SnapshotRegistryTest : public testing::Test {
 protected:
  std::atomic<Sequence> published_ = 5;
  SnapshotRegistry registry_{published_};
};

TEST_F(SnapshotRegistryTest, NothingIsPinnedAtFirst) {
  EXPECT_EQ(registry_.oldest(), SnapshotRegistry::kNone);
  EXPECT_EQ(registry_.pins(), 0u);
}

TEST_F(SnapshotRegistryTest, APinHoldsWhatIsPublishedUntilItEnds) {
  {
    const Pin pin = registry_.pin();
    EXPECT_TRUE(pin.is_open());
    EXPECT_EQ(pin.sequence(), 5u);
    published_ = 9;
    EXPECT_EQ(pin.sequence(), 5u);
    EXPECT_EQ(registry_.oldest(), 5u);
    EXPECT_EQ(registry_.pins(), 1u);
  }
  EXPECT_EQ(registry_.oldest(), SnapshotRegistry::kNone);
}

TEST_F(SnapshotRegistryTest, TheOldestIsTheLowestOfAll) {
  Pin first = registry_.pin();
  published_ = 7;
  Pin second = registry_.pin();
  published_ = 6;  // no store does that; the registry does not care
  Pin third = registry_.pin();
  EXPECT_EQ(registry_.oldest(), 5u);
  first.reset();
  EXPECT_EQ(registry_.oldest(), 6u);
  third.reset();
  EXPECT_EQ(registry_.oldest(), 7u);
  second.reset();
  EXPECT_EQ(registry_.oldest(), SnapshotRegistry::kNone);
}

TEST_F(SnapshotRegistryTest, AnEmptyStoreCanBePinned) {
  published_ = 0;
  const Pin pin = registry_.pin();
  EXPECT_EQ(pin.sequence(), 0u);
  EXPECT_EQ(registry_.oldest(), 0u);
}

TEST_F(SnapshotRegistryTest, APinThatMovesPinsOnce) {
  Pin pin = registry_.pin();
  Pin moved = std::move(pin);
  EXPECT_FALSE(pin.is_open());  // NOLINT(bugprone-use-after-move): that is what is asked
  EXPECT_EQ(moved.sequence(), 5u);
  EXPECT_EQ(registry_.pins(), 1u);
  published_ = 8;
  Pin other = registry_.pin();
  moved = std::move(other);  // ends the one it was
  EXPECT_EQ(registry_.pins(), 1u);
  EXPECT_EQ(registry_.oldest(), 8u);
  moved.reset();
  moved.reset();
  EXPECT_EQ(registry_.pins(), 0u);
}

TEST_F(SnapshotRegistryTest, PinsBeyondTheSlotsCountTheSame) {
  constexpr std::size_t kPins = SnapshotRegistry::kSlots + 100;
  std::vector<Pin> pins;
  pins.reserve(kPins);
  for (std::size_t i = 0; i < kPins; ++i) {
    published_ = 1'000 - i;  // the latest are the lowest
    pins.push_back(registry_.pin());
    ASSERT_EQ(pins.back().sequence(), 1'000 - i);
    ASSERT_EQ(registry_.oldest(), 1'000 - i);
  }
  EXPECT_EQ(registry_.pins(), kPins);
  // Slots that become empty are used again while there are pins beyond them.
  pins.erase(pins.begin(), pins.begin() + 50);
  published_ = 2'000;
  pins.push_back(registry_.pin());
  while (pins.size() > 1) {
    const std::size_t size = pins.size();
    ASSERT_EQ(registry_.oldest(), pins[size - 2].sequence());
    std::swap(pins[size - 1], pins[size - 2]);
    pins.pop_back();
  }
  EXPECT_EQ(registry_.oldest(), 2'000u);
}

TEST_F(SnapshotRegistryTest, ASequenceThatIsPinnedCanBePinnedAgain) {
  Pin first = registry_.pin();
  published_ = 9;
  Pin again = registry_.pin_again(first);
  EXPECT_EQ(again.sequence(), 5u);
  EXPECT_EQ(registry_.pins(), 2u);
  first.reset();
  EXPECT_EQ(registry_.oldest(), 5u);
  std::vector<Pin> others(SnapshotRegistry::kSlots);
  for (Pin& pin : others) pin = registry_.pin();
  Pin spilled = registry_.pin_again(again);
  again.reset();
  EXPECT_EQ(registry_.oldest(), 5u);
  spilled.reset();
  EXPECT_EQ(registry_.oldest(), 9u);
}

// Two that spilled with the same sequence are two.
TEST_F(SnapshotRegistryTest, EqualPinsEndOneByOne) {
  std::vector<Pin> pins(SnapshotRegistry::kSlots + 2);
  for (Pin& pin : pins) pin = registry_.pin();
  published_ = 9;
  for (; pins.size() > 1; pins.pop_back()) ASSERT_EQ(registry_.oldest(), 5u);
  EXPECT_EQ(registry_.pins(), 1u);
}

}  // namespace
}  // namespace talea
