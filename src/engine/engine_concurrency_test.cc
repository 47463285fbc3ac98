// Many threads on one engine; built for ThreadSanitizer as well.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/random.h"
#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

Engine open_or_die(const std::string& path, SyncMode sync) {
  Options options;
  options.sync = sync;
  options.segment_bytes = 256 * kKiB;
  auto opened = Engine::open(path, options);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

void run_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

// E2: a key never goes back. The highest sequence that put a key says what it holds, while the
// writers run, after a clean reopen, and after one that was not clean.
TEST(EngineConcurrency, AKeyHoldsWhatTheHighestSequencePutThere) {
  const std::string path = test_directory() + "/store";
  const std::uint64_t seed = test_seed();
  struct Written {
    Sequence sequence = 0;
    Bytes value;
  };
  std::map<Bytes, Written> newest;
  for (int round = 0; round < 3; ++round) {
    Engine engine = open_or_die(path, SyncMode::never);
    for (const auto& [key, written] : newest) {
      const auto got = engine.get_versioned(key).value();
      ASSERT_TRUE(got.has_value());
      ASSERT_EQ(got->value, written.value) << "round " << round;
      ASSERT_EQ(got->revision, written.sequence);
    }
    std::vector<std::map<Bytes, Written>> by_thread(8);
    run_threads(8, [&](int thread) {
      SeededRandom random(seed + static_cast<std::uint64_t>(round * 8 + thread));
      std::map<Bytes, Sequence> seen;
      for (int i = 0; i < 1500; ++i) {
        const Bytes key = "key" + std::to_string(random.next_u64() % 50);
        const Bytes value = std::to_string(random.next_u64());
        const auto put = engine.put(key, value);
        ASSERT_TRUE(put.ok()) << put.status().to_string();
        by_thread[static_cast<std::size_t>(thread)][key] = {*put, value};
        const auto got = engine.get_versioned(key).value();
        ASSERT_TRUE(got.has_value());
        ASSERT_GE(got->revision, *put) << "an acknowledged write is visible to its writer";
        ASSERT_GE(got->revision, seen[key]) << "a key went back";
        seen[key] = got->revision;
      }
    });
    for (const auto& writes : by_thread) {
      for (const auto& [key, written] : writes) {
        if (written.sequence > newest[key].sequence) newest[key] = written;
      }
    }
    if (round == 0) {
      ASSERT_TRUE(engine.close().ok());
    }
  }
}

TEST(EngineConcurrency, WritersThatArriveTogetherShareSyncs) {
  Engine engine = open_or_die(test_directory() + "/store", SyncMode::always);
  run_threads(8, [&](int thread) {
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(engine.put(std::to_string(thread) + "/" + std::to_string(i), "v").ok());
    }
  });
  const Stats stats = engine.stats();
  EXPECT_EQ(stats.batches_committed, 400U);
  EXPECT_LT(stats.syncs, 400U) << "E4: with K writers, syncs < writes";
  EXPECT_EQ(stats.durable_sequence, 400U);
  EXPECT_EQ(stats.keys, 400U);
}

// E3: of many who require a key to be absent, or at one revision, exactly one wins, although their
// writes wait in the same group.
TEST(EngineConcurrency, OfRacersOnOnePreconditionExactlyOneWins) {
  Engine engine = open_or_die(test_directory() + "/store", SyncMode::always);
  for (int round = 0; round < 30; ++round) {
    const Bytes key = "contended" + std::to_string(round);
    for (int stage = 0; stage < 2; ++stage) {
      std::atomic<int> winners{0};
      const Sequence revision = stage == 0 ? 0 : engine.get_versioned(key).value()->revision;
      run_threads(4, [&](int thread) {
        Batch batch;
        if (stage == 0) {
          batch.require_absent(key);
        } else {
          batch.require_revision(key, revision);
        }
        batch.put(key, std::to_string(thread));
        const auto committed = engine.commit(batch);
        if (committed.ok()) {
          ++winners;
        } else {
          ASSERT_EQ(committed.status().code(), Code::conflict);
        }
      });
      ASSERT_EQ(winners.load(), 1) << "round " << round << " stage " << stage;
    }
  }
}

// Counters that are incremented by compare-and-set lose no increment.
TEST(EngineConcurrency, CompareAndSetLosesNoUpdate) {
  Engine engine = open_or_die(test_directory() + "/store", SyncMode::never);
  ASSERT_TRUE(engine.put("counter", "0").ok());
  run_threads(4, [&](int) {
    for (int done = 0; done < 200;) {
      const Versioned now = engine.get_versioned("counter").value().value();
      Batch batch;
      batch.require_revision("counter", now.revision);
      batch.put("counter", std::to_string(std::stoi(now.value) + 1));
      const auto committed = engine.commit(batch);
      if (committed.ok()) ++done;
    }
  });
  EXPECT_EQ(engine.get("counter").value(), "800");
}

// Readers see all of a batch or none: its keys always hold the same value, seen in the order in
// which one reader asks for them.
TEST(EngineConcurrency, ReadersNeverSeeABatchGoBack) {
  Engine engine = open_or_die(test_directory() + "/store", SyncMode::never);
  std::atomic<bool> stop{false};
  ASSERT_TRUE(engine.commit(Batch().put("a", "0").put("b", "0")).ok());
  std::thread writer([&] {
    for (int i = 1; i <= 3000; ++i) {
      const Bytes value = std::to_string(i);
      ASSERT_TRUE(engine.commit(Batch().put("a", value).put("b", value)).ok());
    }
    stop = true;
  });
  std::thread scanner([&] {
    while (!stop) {
      Scan scan = engine.scan().value();
      int rows = 0;
      while (scan.next().value()) ++rows;
      ASSERT_EQ(rows, 2);
    }
  });
  while (!stop) {
    const int first = std::stoi(engine.get("a").value().value());
    const int second = std::stoi(engine.get("b").value().value());
    ASSERT_GE(second, first) << "b was published with a, or later";
  }
  writer.join();
  scanner.join();
}

// A batch that changes a key twice gives it one value: the first is never seen.
TEST(EngineConcurrency, ReadersNeverSeeTheMiddleOfABatch) {
  Engine engine = open_or_die(test_directory() + "/store", SyncMode::never);
  std::atomic<bool> stop{false};
  ASSERT_TRUE(engine.put("a", "whole").ok());
  std::thread writer([&] {
    for (int i = 0; i < 3000; ++i) {
      Batch batch;
      batch.put("a", "half");
      for (int j = 0; j < 20; ++j) batch.put("padding" + std::to_string(j), "");
      ASSERT_TRUE(engine.commit(batch.put("a", "whole")).ok());
    }
    stop = true;
  });
  std::thread multiple([&] {
    const std::vector<BytesView> keys = {"a", "padding7"};
    std::vector<std::optional<Bytes>> values(2);
    while (!stop) {
      ASSERT_TRUE(engine.multi_get(keys, values).ok());
      ASSERT_EQ(values[0], "whole");
    }
  });
  while (!stop) ASSERT_EQ(engine.get("a").value(), "whole");
  writer.join();
  multiple.join();
}

TEST(EngineConcurrency, LargeValuesFromManyThreadsKeepApart) {
  Engine engine = open_or_die(test_directory() + "/store", SyncMode::always);
  run_threads(4, [&](int thread) {
    for (int i = 0; i < 3; ++i) {
      ValueWriter writer = engine.write_value().value();
      const Bytes piece(700 * kKiB, static_cast<char>('a' + thread));
      for (int j = 0; j < 4; ++j) ASSERT_TRUE(writer.append(piece).ok());
      ASSERT_TRUE(engine.put("t" + std::to_string(thread), writer.finish().value()).ok());
    }
  });
  for (int thread = 0; thread < 4; ++thread) {
    EXPECT_EQ(engine.get("t" + std::to_string(thread)).value(),
              Bytes(4 * 700 * kKiB, static_cast<char>('a' + thread)));
  }
}

TEST(EngineConcurrency, IntervalSyncRunsBesideWriters) {
  Options options;
  options.sync = SyncMode::interval;
  options.sync_interval = std::chrono::milliseconds(1);
  Engine engine = Engine::open(test_directory() + "/store", options).value();
  Sequence last = 0;
  // Until the background has synced something; no limit in time, the test's own is enough.
  while (engine.stats().durable_sequence == 0) last = engine.put("k", "v").value();
  ASSERT_TRUE(engine.sync().ok());
  EXPECT_GE(engine.stats().durable_sequence, last);
  ASSERT_TRUE(engine.close().ok());
}

}  // namespace
}  // namespace talea
