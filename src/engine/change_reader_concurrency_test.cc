// Readers of changes, and keys that expire, beside writers, compaction and checkpoints.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr int kWriters = 3;
constexpr int kBatches = 300;

Engine open_or_die(SyncMode sync) {
  Options options;
  options.sync = sync;
  options.segment_bytes = 64 * kKiB;
  options.checkpoint_bytes = kMiB;
  options.compaction_interval = milliseconds(10);
  auto opened = Engine::open(test_directory() + "/" + std::string(sync_mode_name(sync)), options);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

// Follows until all writers are done and it has seen all there is.
struct Follower {
  void follow(Engine& engine, const std::atomic<int>& writing) {
    ChangeReader changes = engine.changes(0).value();
    for (;;) {
      const bool was_writing = writing.load() > 0;
      const Result<bool> next = changes.next();
      if (!next.ok()) {
        ASSERT_EQ(next.status().code(), Code::not_found) << next.status().to_string();
        ASSERT_EQ(changes.lost()->first, position + 1);
        position = changes.lost()->last;
        lost += changes.lost()->last - changes.lost()->first + 1;
      } else if (*next) {
        take(changes.change());
      } else if (was_writing) {
        ASSERT_TRUE(changes.wait(milliseconds(20)).ok());
      } else {
        return;
      }
    }
  }

  // Each batch puts its number under two keys.
  void take(const Change& change) {
    if (is_first) {
      ASSERT_EQ(change.sequence, position + 1);
      ASSERT_FALSE(change.is_last_of_batch);
      first_value = change.value;
    } else {
      ASSERT_TRUE(change.is_last_of_batch);
      ASSERT_EQ(change.value, first_value) << "half of another batch";
      position = change.sequence;
      ++seen;
    }
    is_first = !is_first;
  }

  Sequence position = 0;
  std::uint64_t seen = 0;
  std::uint64_t lost = 0;
  bool is_first = true;
  Bytes first_value;
};

TEST(ChangeReaderConcurrency, SeesEveryBatchOnceAndWholeOrIsToldOfIt) {
  for (const SyncMode sync : {SyncMode::never, SyncMode::always}) {
    Engine engine = open_or_die(sync);
    std::atomic<int> writing{kWriters};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < kWriters; ++writer) {
      threads.emplace_back([&engine, &writing, writer] {
        for (int i = 0; i < kBatches; ++i) {
          const Bytes value(200, static_cast<char>('a' + (writer * kBatches + i) % 26));
          Batch batch;
          batch.put("one" + std::to_string(i % 10), value);
          batch.put("two" + std::to_string(i % 10), value);
          ASSERT_TRUE(engine.commit(batch).ok());
        }
        writing.fetch_sub(1);
      });
    }
    std::vector<Follower> followers(2);
    for (Follower& follower : followers) {
      threads.emplace_back([&] { follower.follow(engine, writing); });
    }
    threads.emplace_back([&] {
      while (writing.load() > 0) ASSERT_TRUE(engine.compact().ok());
    });
    for (std::thread& thread : threads) thread.join();
    for (const Follower& follower : followers) {
      EXPECT_EQ(follower.position, kWriters * kBatches);
      EXPECT_EQ(follower.seen + follower.lost, kWriters * kBatches);
    }
    EXPECT_TRUE(engine.close().ok());
  }
}

// Leases that are renewed while they run out: none is ever lost that was renewed in time, and all
// are gone in the end.
TEST(ExpiryConcurrency, ARenewedLeaseIsNeverReaped) {
  Engine engine = open_or_die(SyncMode::never);
  constexpr int kLeases = 20;
  const auto name = [](int lease) { return "lease" + std::to_string(lease); };
  for (int lease = 0; lease < kLeases; ++lease) {
    ASSERT_TRUE(engine.put(name(lease), "held", Expiry::after(milliseconds(60'000))).ok());
  }
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < 600; ++i) {
        // One that runs out at once, and a renewal of the others beside its reaping.
        const Bytes short_lived = "short" + std::to_string(writer) + "-" + std::to_string(i);
        ASSERT_TRUE(
            engine.put(short_lived, "x", Expiry::at(1 + static_cast<std::uint64_t>(i))).ok());
        const Bytes lease = name(i % kLeases);
        ASSERT_TRUE(engine.set_expiry(lease, Expiry::after(milliseconds(60'000 + i))).value());
        ASSERT_TRUE(engine.get(lease).value().has_value());
        ASSERT_FALSE(engine.get(short_lived).value().has_value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int lease = 0; lease < kLeases; ++lease) {
    EXPECT_TRUE(engine.get(name(lease)).value().has_value());
  }
  ChangeReader changes = engine.changes(engine.stats().last_sequence).value();
  while (engine.stats().keys_expired < 1200) {
    ASSERT_TRUE(changes.wait(milliseconds(10)).ok());
    while (changes.next().value()) {
    }
  }
  EXPECT_EQ(engine.stats().keys_expired, 1200U);
  EXPECT_EQ(engine.stats().keys, kLeases);
  EXPECT_TRUE(engine.close().ok());
}

}  // namespace
}  // namespace talea
