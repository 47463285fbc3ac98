#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

#include "base/random.h"
#include "engine/snapshot_registry.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

/// A writer that publishes and prunes, as far as it may, and readers for whom nothing above their
/// pin may be pruned while they hold it. `taken`: so many slots are taken all the time.
void check_pruning(std::size_t taken) {
  constexpr Sequence kBatches = 100'000;
  constexpr std::uint64_t kPins = 10'000;
  constexpr std::uint64_t kPrunings = 1'000;
  constexpr int kReaders = 3;
  std::atomic<Sequence> published = SnapshotRegistry::kNone - 1;  // so that they hold nothing back
  SnapshotRegistry registry(published);
  std::vector<SnapshotRegistry::Pin> held(taken);
  for (SnapshotRegistry::Pin& pin : held) pin = registry.pin();
  published = 1;

  std::atomic<Sequence> pruned = 0;
  std::atomic<std::uint64_t> pins = 0;
  std::atomic<std::uint64_t> pruned_too_early = 0;
  std::atomic<bool> done = false;
  SeededRandom random(test_seed());
  std::vector<std::thread> readers;
  readers.reserve(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, seed = random.next_u64()] {
      SeededRandom own(seed);
      while (!done) {
        const SnapshotRegistry::Pin pin = registry.pin();
        for (std::uint64_t looks = own.next_u64() % 4 + 1; looks > 0; --looks) {
          if (pruned > pin.sequence()) ++pruned_too_early;
        }
        ++pins;
      }
    });
  }
  std::uint64_t prunings = 0;
  // Until the readers had their turn, however late they come.
  for (Sequence batch = 2; batch <= kBatches || pins < kPins || prunings < kPrunings; ++batch) {
    published = batch;
    const Sequence through = std::min(batch, registry.oldest());
    if (through <= pruned) continue;
    pruned = through;
    ++prunings;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(pruned_too_early, 0u);
  EXPECT_EQ(registry.pins(), taken);
  std::printf("%llu pins, %llu prunings\n", static_cast<unsigned long long>(pins),
              static_cast<unsigned long long>(prunings));
}

// Seen to fail, most often under the thread sanitizer, with a pin() that loads the published
// sequence before it takes its slot.
TEST(SnapshotRegistry, NothingIsPrunedThatANewPinNeeds) { check_pruning(0); }

// Likewise with a pin_spilled() that loads the sequence before it counts itself.
TEST(SnapshotRegistry, NothingIsPrunedThatAPinBeyondTheSlotsNeeds) {
  check_pruning(SnapshotRegistry::kSlots);
}

TEST(SnapshotRegistry, SlotsAndTheListBeyondThemAreUsedAtOnce) {
  check_pruning(SnapshotRegistry::kSlots - 1);
}

}  // namespace
}  // namespace talea
