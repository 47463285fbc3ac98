// Readers, writers and uploads beside each other in one process.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "bucketdb/index_file.h"
#include "bucketdb/parallel.h"
#include "tests/support/bucket_world.h"

namespace talea::bucketdb {
namespace {

TEST(BucketDbConcurrency, ReadersSeeEveryValueThatWasAcknowledgedWhileOthersUploadAndCompact) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions options;
  options.file_bytes_max = 2048;
  BucketDb db = world.open(machine, options);
  constexpr int kWrites = 150;
  std::atomic<int> written{0};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const int before = written;
        const auto value = db.get("counter");
        if (!value.ok() || (before > 0 && std::stoi(value->value_or("0")) < before)) ++wrong;
        // A key is there from its first put on.
        const std::size_t keys = db.keys().size();
        const int known = before == 0 ? 0 : std::min(before, 40) + 1;
        if (keys < static_cast<std::size_t>(known) || keys > 41) ++wrong;
        std::vector<Bytes> names;
        names.reserve(4);
        for (int key = 0; key < 4; ++key) names.push_back("k" + std::to_string(key));
        if (!db.get_many(std::vector<BytesView>(names.begin(), names.end())).ok()) ++wrong;
      }
    });
  }
  std::thread uploader([&] {
    for (int i = 0; !done; ++i) {
      const bool ok = i % 5 == 4 ? db.compact(std::chrono::milliseconds(0)).ok() : db.upload().ok();
      if (!ok) ++wrong;
    }
  });
  for (int i = 1; i <= kWrites; ++i) {
    ASSERT_TRUE(db.commit(BucketBatch()
                              .put("counter", std::to_string(i))
                              .put("k" + std::to_string(i % 40), "value"))
                    .ok());
    written = i;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  uploader.join();
  EXPECT_EQ(wrong, 0);
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world)->at("counter"), std::to_string(kWrites));
}

TEST(BucketDbConcurrency, AScanGoesOnWhileKeysChange) {
  BucketWorld world;
  BucketDb db = world.open();
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "old").ok());
  ASSERT_TRUE(db.upload().ok());
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      EXPECT_TRUE(db.remove("k" + std::to_string(i)).ok());
      if (i % 100 == 0) {
        EXPECT_TRUE(db.upload().ok());
      }
    }
  });
  Model found;
  BucketScan scan = db.scan().value();
  while (scan.next().value()) found.emplace(scan.key(), scan.value());
  writer.join();
  for (const auto& [key, value] : found) EXPECT_EQ(value, "old") << key;
}

// Two commit and flush at once, and a third uploads.
TEST(BucketDbConcurrency, FlushesBesideEachOtherKeepAllThatWasPutAndLeaveAWholeIndex) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions options;
  options.sync = BucketSync::never;
  Model expected;
  std::atomic<int> wrong{0};
  {
    BucketDb db = world.open(machine, options);
    std::vector<std::thread> threads;
    threads.reserve(3);
    for (int who = 0; who < 2; ++who) {
      for (int i = 190; i < 200; ++i) {
        expected["w" + std::to_string(who) + "k" + std::to_string(i % 10)] = std::to_string(i);
      }
      threads.emplace_back([&db, &wrong, who] {
        for (int i = 0; i < 200; ++i) {
          const Bytes key = "w" + std::to_string(who) + "k" + std::to_string(i % 10);
          if (!db.put(key, std::to_string(i)).ok() || !db.flush().ok()) ++wrong;
        }
      });
    }
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        if (!db.upload().ok()) ++wrong;
      }
    });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
  machine.disk->power_cut_losing_everything_unsynced();
  const auto index = IndexImage::parse(machine.disk->read_file("/db/index.idx").value());
  EXPECT_TRUE(index.ok()) << index.status().to_string();
  BucketDb db = world.open(machine, options);
  EXPECT_EQ(contents_of(db).value(), expected);
}

TEST(RunParallel, DoesAllAndStopsAtAFailure) {
  ManualExecutor executor;
  std::atomic<std::size_t> sum{0};
  ASSERT_TRUE(run_parallel(executor, 4, 100, [&](std::size_t i) {
                sum += i;
                return Status();
              }).ok());
  EXPECT_EQ(sum, 4950U);
  ASSERT_TRUE(run_parallel(executor, 4, 0, [](std::size_t) { return Status(); }).ok());
  std::atomic<std::size_t> begun{0};
  const Status failed = run_parallel(executor, 1, 100, [&](std::size_t i) {
    ++begun;
    return i == 3 ? Status::io_error("the fourth") : Status();
  });
  EXPECT_EQ(failed.code(), Code::io_error);
  EXPECT_EQ(begun, 4U);
}

}  // namespace
}  // namespace talea::bucketdb
