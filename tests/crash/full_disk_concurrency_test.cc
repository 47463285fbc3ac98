// On a full disk, beside puts that are tried again and again: removals and compaction get the space
// that was held back for them, also when nobody waits for them, and give space back.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "engine/space_reserve.h"
#include "tests/support/crash_world.h"

namespace talea {
namespace {

constexpr int kRounds = 10;

Options small_segments() {
  Options options;
  options.segment_bytes = 128 * kKiB;
  options.compaction_interval = std::chrono::milliseconds(0);
  return options;
}

// A store on a disk that is full, its reserve taken.
struct FullStore {
  explicit FullStore(std::uint64_t capacity, const std::function<Bytes(int)>& key_of) {
    world.disk->set_capacity(capacity);
    store = world.open(small_segments()).value();
    EXPECT_TRUE(store->put(Space::user, "first", "v").ok());
    world.executor->step_all();
    while (store->put(Space::user, key_of(keys), Bytes(30'000, 'v')).ok()) ++keys;
    while (store->put(Space::user, "s", Bytes(100, 's')).ok()) {
    }
  }

  CrashWorld world;
  std::unique_ptr<EngineStore> store;
  int keys = 0;
};

// Threads that put until the end of their life.
class Putters {
 public:
  Putters(EngineStore& store, int count) {
    threads_.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, &store] {
        while (!stop_) (void)store.put(Space::user, "p", Bytes(50'000, 'p')).ok();
      });
    }
  }
  ~Putters() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

Bytes numbered(int number) { return "k" + std::to_string(number); }

TEST(FullDiskBesidePuts, RemovalsAndCompactionAreNotRefused) {
  for (int round = 0; round < kRounds; ++round) {
    FullStore full(3 * kMiB, numbered);
    const Putters putter(*full.store, 1);
    for (int i = 0; i < full.keys; ++i) {
      if (i % 3 == 0) continue;
      const auto removed = full.store->remove(Space::user, numbered(i));
      ASSERT_TRUE(removed.ok()) << "round " << round << ", key " << i << " of " << full.keys << ": "
                                << removed.status().to_string();
    }
    const Status compacted = full.store->compact();
    ASSERT_TRUE(compacted.ok()) << "round " << round << ": " << compacted.to_string();
  }
}

TEST(FullDiskBesidePuts, CompactionAloneGivesSpaceBack) {
  // Of every segment two thirds are garbage.
  const auto key_of = [](int i) { return i % 3 == 0 ? numbered(i) : Bytes("same"); };
  for (int round = 0; round < kRounds; ++round) {
    FullStore full(4 * kMiB, key_of);
    const Putters putters(*full.store, round % 2 == 0 ? 0 : 3);
    const Status compacted = full.store->compact();
    ASSERT_TRUE(compacted.ok()) << "round " << round << ": " << compacted.to_string();
  }
}

TEST(FullDiskBesidePuts, RemovalsThatNobodyWaitsForAreNotRefused) {
  FullStore full(3 * kMiB, numbered);
  for (int i = 0; i < full.keys; ++i) {
    std::atomic<bool> told{false};
    Status outcome;
    Batch batch;
    batch.remove(numbered(i));
    ASSERT_TRUE(full.store
                    ->commit_async(batch,
                                   [&](const Result<Sequence>& result) {
                                     outcome = result.status();
                                     told = true;
                                     told.notify_all();
                                   })
                    .ok());
    told.wait(false);
    ASSERT_TRUE(outcome.ok()) << i << " of " << full.keys << ": " << outcome.to_string();
  }
  EXPECT_EQ(full.store->stats().keys, 2U) << "first, and s";
}

TEST(FullDiskReserve, ThatWasNeverHeldRefusesNothingAfterAReopen) {
  CrashWorld world;
  world.disk->set_capacity(kMiB);  // below the smallest reserve and something
  {
    auto store = world.open(small_segments()).value();
    ASSERT_TRUE(store->put(Space::user, "a", "v").ok());
    for (int i = 0; i < 3; ++i) {
      world.clock->advance_ms(1001);
      world.executor->step_all();
    }
    ASSERT_TRUE(store->put(Space::user, "b", "v").ok());
    ASSERT_TRUE(store->close().ok());
  }
  auto store = world.open(small_segments()).value();
  const auto put = store->put(Space::user, "c", "v");
  EXPECT_TRUE(put.ok()) << put.status().to_string();
}

}  // namespace
}  // namespace talea
