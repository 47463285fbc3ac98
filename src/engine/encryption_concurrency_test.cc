// Keys are rotated while writers and readers are at work.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

Encryption key_of(char byte) {
  return {.key_source = [byte]() -> Result<Bytes> { return Bytes(32, byte); }};
}

TEST(KeyRotationThreads, GoesOnBesideWritersAndReaders) {
  const std::string path = test_directory() + "/store";
  Options options;
  options.sync = SyncMode::never;
  options.segment_bytes = 64 * kKiB;
  options.encryption = key_of('a');
  constexpr int kKeys = 200;
  {
    Engine engine = Engine::open(path, options).value();
    std::atomic<bool> is_over = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    threads.reserve(3);
    for (int writer = 0; writer < 2; ++writer) {
      threads.emplace_back([&, writer] {
        for (int i = 0; !is_over.load(); ++i) {
          const Bytes key = std::to_string(writer) + "/" + std::to_string(i % kKeys);
          if (!engine.put(key, key + Bytes(200, 'v')).ok()) ++wrong;
        }
      });
    }
    threads.emplace_back([&] {
      Bytes value;
      for (int i = 0; !is_over.load(); ++i) {
        const Bytes key = std::to_string(i % 2) + "/" + std::to_string(i % kKeys);
        const auto found = engine.get(key, value);
        if (!found.ok() || (*found && value != key + Bytes(200, 'v'))) ++wrong;
        if (i % 500 != 0) continue;
        Scan scan = engine.scan().value();
        auto next = scan.next();
        for (; next.ok() && *next; next = scan.next()) {
          if (scan.value().value() != Bytes(scan.key()) + Bytes(200, 'v')) ++wrong;
        }
        if (!next.ok()) ++wrong;
      }
    });
    for (int round = 0; round < 5; ++round) {
      EXPECT_EQ(engine.rotate_data_key().value(), static_cast<std::uint32_t>(round) + 2);
      EXPECT_TRUE(engine.rotate_master_key(key_of(static_cast<char>('b' + round))).ok());
      const Status compacted = engine.compact();
      EXPECT_TRUE(compacted.ok()) << compacted.to_string();
    }
    is_over.store(true);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    ASSERT_TRUE(engine.put("last", "value").ok());
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(engine.compact().ok());
    const Stats stats = engine.stats();
    EXPECT_EQ(stats.data_key, 6U);
    EXPECT_EQ(stats.data_keys, 1U);
    EXPECT_EQ(stats.old_key_bytes, 0U);
    ASSERT_TRUE(engine.close().ok());
  }
  EXPECT_EQ(Engine::open(path, options).status().code(), Code::denied);
  options.encryption = key_of('f');
  Engine engine = Engine::open(path, options).value();
  EXPECT_EQ(engine.get("last").value(), "value");
}

}  // namespace
}  // namespace talea
